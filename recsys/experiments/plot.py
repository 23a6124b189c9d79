"""A picture of an experiment: how its variants and their difference have come about."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys.experiments.ratio import Interval
from recsys.experiments.report import ExperimentReport
from training.evaluation.style import COLOURS, GREY, INK, MARKERS, new_figure, save, shorten, tidy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

_WIDTH, _HEIGHT = 11.0, 4.4
_NAME = 24


def plot(report: ExperimentReport, path: Path) -> Path:
    """Draw value per person by variant over time, and beside it the differences to the control.

    A filled band is the usual 95 % interval; dashed lines round a difference are the wider one that
    holds at every look. Nothing in the picture names a person.

    Args:
        report: at least one moment of its history.
        path: of the PNG.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    figure = new_figure(_WIDTH, _HEIGHT)
    left, right = (tidy(figure.add_subplot(1, 2, number)) for number in (1, 2))
    names = [variant.name for variant in report.variants]
    sizes = {variant.name: variant.people for variant in report.variants}
    when = [moment.end for moment in report.history]
    for number, name in enumerate(names):
        values = [moment.values[name] for moment in report.history]
        label = f"{shorten(name, _NAME)} ({sizes[name]:,} people)"
        _line(left, number, label, when, values)
    for number, name in enumerate(names[1:], start=1):
        differences = [moment.differences[name] for moment in report.history]
        _line(right, number, shorten(name, _NAME), when, differences)
        for bound in ("low", "high"):
            edge = [getattr(moment.anytime[name], bound) for moment in report.history]
            right.plot(when, edge, "--", color=_colour(number), linewidth=1, alpha=0.8)  # pyright: ignore[reportArgumentType]
    right.axhline(0, color=GREY, linewidth=1.2)
    _limits(left, [moment.values[name] for moment in report.history for name in names])
    _limits(
        right, [moment.anytime[name] for moment in report.history for name in names[1:]], around=0
    )
    left.set_title("Value per person", loc="left", color=INK, fontsize=11)
    control = shorten(report.control, _NAME)
    right.set_title(f"Difference to {control}", loc="left", color=INK, fontsize=11)
    right.plot([], [], "--", color=GREY, linewidth=1, label="holds at every look")
    for axes in (left, right):
        locator = AutoDateLocator(minticks=3, maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.legend(frameon=False, fontsize=8.5, loc="best")
    figure.suptitle(
        f"{shorten(report.experiment, 60)}: 95 % intervals over people",
        x=0.01,
        ha="left",
        color=INK,
    )
    return save(figure, path)


def _line(
    axes: "Axes", number: int, label: str, when: "Sequence", intervals: "Sequence[Interval]"
) -> None:
    colour = _colour(number)
    low, high = ([getattr(one, bound) for one in intervals] for bound in ("low", "high"))
    axes.fill_between(when, low, high, color=colour, alpha=0.16, linewidth=0)
    marker = MARKERS[number % len(MARKERS)]
    values = [one.value for one in intervals]
    axes.plot(when, values, color=colour, marker=marker, markersize=4, linewidth=1.8, label=label)


def _limits(axes: "Axes", intervals: "Sequence[Interval]", around: float | None = None) -> None:
    """Room for the later half: the first few people make intervals that would flatten the rest."""
    late = intervals[len(intervals) // 3 :]
    bounds = np.array([[one.low, one.high] for one in late]).reshape(-1, 2)  # or of none
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if not len(bounds):
        return
    low, high = float(bounds.min()), float(bounds.max())
    if around is not None:
        low, high = min(low, around), max(high, around)
    margin = 0.06 * (high - low) or 0.1
    axes.set_ylim(low - margin, high + margin)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]
