"""The drift page's drawings: what moved how far, and what the distributions look like."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.drift.report import Placed
from training.drift.shift import Level, Shift
from training.evaluation.style import COLOURS, GREY, INK, grid_of_axes, new_figure, save, tidy

_COLOUR = {Level.NONE: COLOURS[2], Level.MODERATE: COLOURS[1], Level.LARGE: COLOURS[3]}
_MARKER = {Level.NONE: "o", Level.MODERATE: "s", Level.LARGE: "D"}
_BARS, _POINTS = 12, 3000
THEN, NOW = COLOURS[0], COLOURS[1]


def effects(shifts: Sequence[Shift], path: Path) -> Path:
    """Each thing's effect in units of its threshold, with what chance gives as a grey bar."""
    shown = [each for each in shifts if np.isfinite(each.effect)][::-1]
    figure = new_figure(7.5, 1.1 + 0.32 * len(shown))
    axes = tidy(figure.add_subplot(), grid="x")
    for row, each in enumerate(shown):
        axes.barh(row, each.chance / each.threshold, color="#e3e3e3", height=0.7)
        axes.plot(
            each.effect / each.threshold,
            row,
            marker=_MARKER[each.level],
            color=_COLOUR[each.level],
            markersize=8,
        )
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_yticks(range(len(shown)), [each.name for each in shown])
    axes.set_xlim(left=0)
    axes.set_xlabel("effect as a multiple of its threshold; grey: what chance alone may give")
    return save(figure, path)


def distributions(shifts: Sequence[Shift], path: Path) -> Path:
    """Shares then and now of everything that has bins: bars of names, steps of numbers."""
    shown = [each for each in shifts if len(each.bins) > 1]
    figure, grid = grid_of_axes(max(1, len(shown)), 3, width=4.2, height=3.1)
    for axes, shift in zip(grid, shown, strict=False):
        if shift.measure.startswith("Kolmogorov"):
            _steps(axes, shift)
        else:
            _bars(axes, shift)
        axes.set_title(f"{shift.name}: {shift.level}", fontsize=10, color=INK)
    return save(figure, path)


def cloud(placed: Placed, path: Path, seed: int = 0) -> Path:
    """Both snapshots on the reference's first two principal components."""
    random = np.random.default_rng(seed)
    centre = placed.reference.posts.mean(axis=0)
    _, _, axes_of = np.linalg.svd(placed.reference.posts - centre, full_matrices=False)
    figure = new_figure(7.5, 5.0)
    axes = tidy(figure.add_subplot(), grid="both")
    fresh = ~np.isin(placed.current.post_ids, placed.reference.post_ids)
    for name, posts, colour, size in (
        ("then", placed.reference.posts, GREY, 10),
        ("now, new", placed.current.posts[fresh], COLOURS[3], 14),
    ):
        kept = posts[random.permutation(len(posts))[:_POINTS]]
        flat = (kept - centre) @ axes_of[:2].T
        axes.scatter(*flat.T, s=size, color=colour, alpha=0.6, linewidths=0, label=name)
    axes.legend(frameon=False, fontsize=9)
    axes.set_xlabel("first principal component of the posts then")
    axes.set_ylabel("second")
    return save(figure, path)


def _bars(axes, shift: Shift) -> None:
    before, after = np.array(shift.before), np.array(shift.after)
    rows = np.argsort(-np.maximum(before, after), kind="stable")[:_BARS][::-1]
    places = np.arange(len(rows))
    axes.barh(places + 0.2, 100 * before[rows], 0.38, color=THEN, label="then")
    axes.barh(places - 0.2, 100 * after[rows], 0.38, color=NOW, label="now")
    axes.set_yticks(places, [shift.bins[row][:24] for row in rows], fontsize=8)
    axes.set_xlabel("%", fontsize=9)
    axes.legend(frameon=False, fontsize=8)


def _steps(axes, shift: Shift) -> None:
    places = np.arange(len(shift.bins))
    axes.step(places, 100 * np.cumsum(shift.before), where="mid", color=THEN, label="then")
    axes.step(
        places, 100 * np.cumsum(shift.after), where="mid", color=NOW, linestyle="--", label="now"
    )
    some = places[:: max(1, len(places) // 5)]
    axes.set_xticks(some, [shift.bins[i] for i in some], fontsize=8)
    axes.set_ylabel("% at most", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
