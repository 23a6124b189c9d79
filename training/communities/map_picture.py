"""The map as a picture: the same places, colours and names as the page."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.communities.map_figure import COLOURS, colour_of, name_colour, name_spots
from training.communities.map_view import MapView
from training.communities.method import NOBODY
from training.evaluation.space_map import draw_thumbnails, frame
from training.evaluation.style import INK, new_figure, save, shorten
from training.materials import Materials

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THUMBNAILS = 60
_NAME, _LEGEND_NAME = 30, 34
"""Characters of a name on the map and beside it."""


def draw_map(view: MapView, materials: Materials, path: Path, *, title: str) -> Path:
    """Draw the map as PNG (2100 x 1350) and return its path.

    Args:
        view: where everything is; only public posts are in it.
        materials: of the same data, for the pictures.
        path: of the PNG.
        title: above the map.
    """
    figure = new_figure(14, 9)
    axes = figure.add_subplot()
    frame(axes, view.posts)
    order = [NOBODY, *reversed(range(len(view.names)))]  # the small ones over the large ones
    for community in order:
        _posts(axes, view, community)
    draw_thumbnails(axes, view.posts, view.rows, materials.data.images, THUMBNAILS)
    for community in order:
        _people(axes, view, community)
    for community, spot in name_spots(view).items():
        axes.annotate(
            shorten(view.names[community], _NAME), tuple(spot), ha="center", va="center",
            fontsize=11, fontweight="bold", color=name_colour(community), zorder=6,
            bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.85},
        )  # fmt: skip
    _legend(axes, view)
    axes.set_title(title, loc="left", fontsize=14, color=INK)
    return save(figure, path)


def _posts(axes: "Axes", view: MapView, community: int) -> None:
    here = view.posts[view.post_community == community]
    axes.scatter(*here.T, s=11, color=colour_of(community), alpha=0.4, linewidths=0)


def _people(axes: "Axes", view: MapView, community: int) -> None:
    here = view.star_community == community
    share = np.sqrt(view.activity[here] / max(1, int(view.activity.max(initial=1))))
    axes.scatter(
        *view.stars[here].T, s=50 + 260 * share, marker="*", color=colour_of(community),
        edgecolors="white", linewidths=0.7, zorder=5,
    )  # fmt: skip


def _legend(axes: "Axes", view: MapView) -> None:
    """The communities that have a colour of their own, with how many people of theirs are shown."""
    from matplotlib.lines import Line2D

    handles = []
    for community in [*range(min(len(view.names), len(COLOURS))), NOBODY]:
        people = int((view.star_community == community).sum())
        if people:
            label = f"{shorten(view.name(community), _LEGEND_NAME)} ({people})"
            handles.append(
                Line2D([], [], marker="*", markersize=11, linestyle="none", label=label,
                       color=colour_of(community), markeredgecolor="white")
            )  # fmt: skip
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=10,
        handletextpad=0.2, title="communities (people)", alignment="left",
    )  # fmt: skip
