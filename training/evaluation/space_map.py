"""A picture of the space: posts as dots or thumbnails, people as stars among their posts."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.data.images import decode_image
from training.evaluation.layout import flat_layout, place_among
from training.evaluation.style import COLOURS, GREY, INK, new_figure, save, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GOLD = "#F0E442"  # the yellow of the same palette, kept for people
_LABEL_BOX = (0.13, 0.035)  # width and height of a label as shares of the map

Pictures = Callable[[Sequence[int]], Sequence[bytes | None]]  # row numbers → encoded images


@dataclass(frozen=True)
class MapContent:
    """What the map shows.

    Attributes:
        posts: (N, D) unit rows.
        people: (U, D) unit rows of the people to draw; the most active of them are labelled.
        names: (U,) their labels.
        activity: (U,) how much each has posted: the size of the star, and who gets a label.
        categories: (N,) names or None, as colours; the seven most frequent are told apart.
        pictures: gives images for row numbers of `posts`, for thumbnails; None for dots alone.
    """

    posts: np.ndarray
    people: np.ndarray
    names: Sequence[str]
    activity: np.ndarray
    categories: Sequence[str | None] | None = None
    pictures: Pictures | None = None


def space_map(
    content: MapContent,
    path: Path,
    *,
    points: int = 5000,
    thumbnails: int = 120,
    labels: int = 20,
    title: str = "",
    seed: int = 0,
) -> Path:
    """Draw the map as PNG (1800 x 1350) and return its path.

    Args:
        content: posts and people.
        path: of the PNG.
        points: at most so many posts are laid out, a seeded sample; time grows with it.
        thumbnails: at most so many posts are drawn as their picture, where they don't overlap.
        labels: at most so many people are named, the most active first, where labels don't overlap.
        title: above the map.
        seed: of sample and layout.
    Raises: ValueError if there is no post.
    """
    if not len(content.posts):
        raise ValueError("a map needs one post at least")
    random = np.random.default_rng(seed)
    count = min(points, len(content.posts))
    rows = np.sort(random.choice(len(content.posts), size=count, replace=False))
    posts = content.posts[rows].astype(np.float32)
    flat = flat_layout(posts, seed=seed)
    stars = place_among(content.people.astype(np.float32), posts, flat)

    figure = new_figure(12, 9)
    axes = figure.add_subplot()
    frame(axes, flat)
    _dots(axes, flat, [content.categories[row] for row in rows] if content.categories else None)
    if content.pictures is not None and thumbnails:
        draw_thumbnails(axes, flat, rows, content.pictures, thumbnails)
    _people(axes, stars, content, labels)
    _legend(axes)
    if title:
        axes.set_title(title, loc="left", fontsize=14, color=INK)
    return save(figure, path)


def frame(axes: "Axes", flat: np.ndarray) -> None:
    """No ticks: the coordinates of UMAP mean nothing."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    margin = 0.03 * np.maximum(high - low, 1e-6)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
    axes.set_axis_off()


def _dots(axes: "Axes", flat: np.ndarray, categories: Sequence[str | None] | None) -> None:
    if categories is None:
        axes.scatter(*flat.T, s=9, color=COLOURS[0], alpha=0.45, linewidths=0, label="post")
        return
    counts = Counter(each for each in categories if each)
    shown = [name for name, _ in counts.most_common(len(COLOURS) - 1)]
    labels = np.array([each if each in shown else "" for each in categories])
    for name, colour in [("", GREY), *zip(shown, COLOURS, strict=False)]:
        here = flat[labels == name]
        text = shorten(name.replace("_", " "), 24) if name else "other"
        alpha = 0.35 if not name else 0.7
        axes.scatter(*here.T, s=9, color=colour, alpha=alpha, linewidths=0, label=text)


def _legend(axes: "Axes") -> None:
    from matplotlib.collections import PathCollection

    legend = axes.legend(
        loc="lower left", bbox_to_anchor=(0, -0.05), ncols=9, frameon=False, fontsize=11,
        handletextpad=0.1, columnspacing=1.2,
    )  # fmt: skip
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_alpha(1)
            handle.set_sizes([110])


def draw_thumbnails(
    axes: "Axes", flat: np.ndarray, rows: np.ndarray, pictures: Pictures, limit: int
) -> None:
    """Pictures of at most so many posts, where they don't overlap, the crowded places first.

    Args:
        axes: framed.
        flat: (n, 2) where the posts are.
        rows: (n,) their rows, as `pictures` takes them.
        pictures: gives the images.
        limit: of pictures.
    """
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    chosen = _spread(axes, flat, limit)
    for spot, encoded in zip(flat[chosen], pictures(rows[chosen].tolist()), strict=True):
        if encoded is None:
            continue
        image = decode_image(encoded)
        image.thumbnail((64, 64))
        pixels = OffsetImage(_without_white(np.asarray(image)), zoom=0.48)
        box = AnnotationBbox(pixels, tuple(spot), frameon=False, pad=0)
        box.set_zorder(3)
        axes.add_artist(box)


def _spread(axes: "Axes", flat: np.ndarray, limit: int) -> np.ndarray:
    """Rows of points, one for each occupied cell of a grid: that nearest to the cell's centre."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    cells = np.array([24, 18])
    position = (flat - [left, bottom]) / [right - left, top - bottom] * cells
    cell = np.floor(position).astype(int)
    off_centre = np.abs(position - cell - 0.5).max(axis=1)
    best: dict[tuple[int, int], int] = {}
    crowd = Counter(map(tuple, cell))
    for row in np.argsort(off_centre, kind="stable"):
        best.setdefault(tuple(cell[row]), int(row))
    crowded = sorted(best, key=lambda each: -crowd[each])[:limit]
    return np.array([best[each] for each in crowded], dtype=int)


def _without_white(pixels: np.ndarray) -> np.ndarray:
    """RGB (h, w, 3) uint8 → RGBA with near-white made clear: drawings come on white ground."""
    white = (pixels.min(axis=2) > 243)[..., None]
    return np.concatenate([pixels, np.where(white, 0, 255).astype(np.uint8)], axis=2)


def _people(axes: "Axes", stars: np.ndarray, content: MapContent, labels: int) -> None:
    share = np.sqrt(content.activity / max(1, content.activity.max(initial=0)))
    axes.scatter(
        *stars.T, s=60 + 320 * share, marker="*", color=_GOLD, edgecolors=INK, linewidths=1,
        zorder=5, label="person",
    )  # fmt: skip
    for person in _labelled(axes, stars, content.activity, labels):
        axes.annotate(
            shorten(content.names[person], 18), stars[person], xytext=(0, 11),
            textcoords="offset points", ha="center", va="bottom", fontsize=10.5, color=INK,
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": GREY, "alpha": 0.88},
            zorder=6,
        )  # fmt: skip


def _labelled(axes: "Axes", stars: np.ndarray, activity: np.ndarray, limit: int) -> list[int]:
    """People to name: the most active first, none whose label would cover one already there."""
    scale = np.array([np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())])
    chosen: list[int] = []
    for person in np.argsort(-activity, kind="stable"):
        apart = np.abs(stars[chosen] - stars[person]) / scale
        if len(chosen) < limit and not np.any((apart < _LABEL_BOX).all(axis=1)):
            chosen.append(int(person))
    return chosen
