"""The interactive figure of the map: posts, people and names, community by community."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from training.communities.map_view import MapView
from training.communities.method import NOBODY
from training.evaluation.style import GREY, INK, shorten

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Glasbey-like: 24 colours far from each other on white; the order puts the largest communities on
# those that colour-blind eyes tell apart best (Okabe and Ito). Names on the map say the same.
COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7A5195", "#8C6D1F",
    "#1B9E9E", "#B2182B", "#4D9221", "#6A51A3", "#C51B7D", "#2166AC", "#A6761D", "#01665E",
    "#E7298A", "#66A61E", "#3F51B5", "#BF5B17", "#00838F", "#AD1457", "#558B2F", "#5D4037",
)  # fmt: skip
_PALE = "#c9c9c9"
_LABEL_BOX = (0.16, 0.03)
"""Width and height of a name as shares of the map."""


def colour_of(community: int) -> str:
    """Of a community; grey for none and for those after the 24 largest."""
    return COLOURS[community] if 0 <= community < len(COLOURS) else _PALE


def name_colour(community: int) -> str:
    """The same for its name, which must be legible."""
    return COLOURS[community] if 0 <= community < len(COLOURS) else GREY


def map_figure(view: MapView, people: Sequence[str]) -> "Figure":
    """The figure. Each point's `customdata` is its place among the posts, then among the people.

    Args:
        view: where everything is.
        people: (m,) ids of the people of the view.
    """
    from plotly.graph_objects import Figure

    figure = Figure()
    order = [c for c in range(len(view.names)) if (view.post_community == c).any()]
    for community in [NOBODY, *reversed(order)]:  # the small ones are drawn over the large ones
        _posts(figure, view, community)
    for community in [NOBODY, *range(len(view.names))]:
        _people(figure, view, people, community)
    _names(figure, view)
    figure.update_layout(
        template="none",
        autosize=True,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="closest",
        dragmode="pan",
        plot_bgcolor="white",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        legend={
            "itemsizing": "constant",
            "tracegroupgap": 0,
            "traceorder": "normal",
            "y": 0.95,  # below the buttons
        },
        xaxis={"visible": False, "range": [-0.03, 1.03]},
        yaxis={"visible": False, "range": [-0.03, 1.03]},
    )
    return figure


def _posts(figure: "Figure", view: MapView, community: int) -> None:
    here = np.flatnonzero(view.post_community == community)
    if not len(here):
        return
    figure.add_scattergl(
        x=view.posts[here, 0],
        y=view.posts[here, 1],
        mode="markers",
        marker={"size": 5, "color": colour_of(community), "opacity": 0.45},
        customdata=here.tolist(),
        hoverinfo="none",
        legendgroup=str(community),
        showlegend=False,
        name=escape(view.name(community)),
    )


def _people(figure: "Figure", view: MapView, people: Sequence[str], community: int) -> None:
    here = np.flatnonzero(view.star_community == community)
    if not len(here):
        return
    share = np.sqrt(view.activity[here] / max(1, int(view.activity.max(initial=1))))
    figure.add_scatter(
        x=view.stars[here, 0],
        y=view.stars[here, 1],
        mode="markers",
        marker={
            "size": (9 + 13 * share).tolist(),
            "symbol": "star",
            "color": colour_of(community),
            "line": {"width": 1, "color": "white"},
        },
        customdata=(len(view.rows) + here).tolist(),
        text=[escape(people[person]) for person in here.tolist()],
        hoverinfo="text",
        legendgroup=str(community),
        name=f"{escape(shorten(view.name(community), 42))} ({len(here)})",
    )


def name_spots(view: MapView) -> dict[int, np.ndarray]:
    """Community to the middle of its people, the largest first, no name over another."""
    spots: dict[int, np.ndarray] = {}
    for community in range(len(view.names)):
        stars = view.stars[view.star_community == community]
        if not len(stars):
            continue
        spot = _middle(stars)
        if not any((np.abs(spot - other) < _LABEL_BOX).all() for other in spots.values()):
            spots[community] = spot
    return spots


def _names(figure: "Figure", view: MapView) -> None:
    for community, spot in name_spots(view).items():
        figure.add_annotation(
            x=float(spot[0]),
            y=float(spot[1]),
            text=f"<b>{escape(shorten(view.names[community], 30))}</b>",
            showarrow=False,
            font={"size": 12, "color": name_colour(community)},
            bgcolor="rgba(255,255,255,0.82)",
            borderpad=2,
            captureevents=False,
        )


def _middle(points: np.ndarray) -> np.ndarray:
    """The point nearest to all others: it stands among them, where a mean may stand in the void."""
    some = points[:: -(-len(points) // 500)]
    apart = np.linalg.norm(some[:, None] - some[None], axis=-1).sum(axis=1)
    return some[int(apart.argmin())]
