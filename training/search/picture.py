"""A search at a glance: how each trial went, and which values the good ones had."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.evaluation.style import COLOURS, GREY, INK, new_figure, save, shorten, tidy
from training.search.outcome import Outcome
from training.search.space import Dimension, Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TICK = 16


def draw_search(space: Sequence[Dimension], order: Sequence[Outcome], path: Path) -> Path:
    """Score over epochs of all trials, and which values of the searched fields were good.

    Of one field, the score over its value; of several, parallel coordinates.

    Args:
        space: what was searched; an axis each.
        order: the trials, the best first; those without a score are not drawn.
        path: of the PNG.
    """
    order = [outcome for outcome in order if outcome.scores]
    figure = new_figure(max(9.0, 1.5 * len(space) + 3), 8)
    upper, lower = (figure.add_subplot(2, 1, place) for place in (1, 2))
    _over_epochs(tidy(upper), order)
    if len(space) == 1:
        _over_values(tidy(lower), space[0], order)
    else:
        _coordinates(lower, space, order)
    return save(figure, path)


def _over_epochs(axes: "Axes", order: Sequence[Outcome]) -> None:
    from matplotlib.ticker import MaxNLocator

    for outcome in reversed(order):
        best = outcome is order[0]
        axes.plot(
            range(1, len(outcome.scores) + 1),
            outcome.scores,
            color=COLOURS[3] if best else COLOURS[0] if outcome.number == 0 else GREY,
            linewidth=2.2 if best else 1.0,
            marker="o" if len(outcome.scores) == 1 else None,
            zorder=3 if best or outcome.number == 0 else 2,
        )
    axes.plot([], [], color=COLOURS[3], label=f"best: trial {order[0].number}")
    if order[0].number != 0:
        axes.plot([], [], color=COLOURS[0], label="the configuration as it is")
    axes.plot([], [], color=GREY, label="other trials")
    axes.set_title("Validation score of each trial", loc="left", color=INK, fontsize=11)
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8)


def _over_values(axes: "Axes", field: Dimension, order: Sequence[Outcome]) -> None:
    """A point a trial, and a line where the configuration as it is stands."""
    drawn = [outcome for outcome in order if outcome.values]
    named = field.kind in (Kind.CHOICE, Kind.GRID)
    for rank, outcome in reversed(list(enumerate(drawn))):
        value = outcome.values[field.field]
        where = field.values.index(value) if named else value
        colour = COLOURS[3] if rank == 0 else COLOURS[0]
        axes.plot([where], [outcome.best], "o", color=colour, markersize=8 if rank == 0 else 6)
    as_it_is = next((outcome for outcome in order if outcome.number == 0), None)
    if as_it_is is not None:
        label = "the configuration as it is"
        axes.axhline(as_it_is.best, color=GREY, linewidth=1.0, linestyle="--", label=label)
        axes.legend(frameon=False, fontsize=8)
    if named:
        axes.set_xticks(range(len(field.values)), [shorten(str(v), _TICK) for v in field.values])
    elif field.kind is Kind.LOGUNIFORM:
        axes.set_xscale("log")
    axes.set_xlabel(field.field, color=INK)
    title = "Best score of the trials by value, the best in orange"
    axes.set_title(title, loc="left", color=INK, fontsize=11)


def _coordinates(axes: "Axes", space: Sequence[Dimension], order: Sequence[Outcome]) -> None:
    """A line a trial through its values; the darker, the better. Trial 0 has no drawn values."""
    drawn = [outcome for outcome in order if outcome.values]
    for rank, outcome in reversed(list(enumerate(drawn))):
        places = [place(each, outcome.values.get(each.field)) for each in space]
        axes.plot(
            range(len(space)),
            places,
            color=COLOURS[3] if rank == 0 else COLOURS[0],
            alpha=1.0 if rank == 0 else max(0.12, 0.7 * (1 - rank / len(drawn))),
            linewidth=2.2 if rank == 0 else 1.2,
            marker="o",
            markersize=4,
        )
    axes.set_ylim(-0.08, 1.08)
    axes.set_yticks([])
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.set_xticks(range(len(space)))
    names = [each.field.replace(".", "\n", 1) for each in space]
    axes.set_xticklabels(names, fontsize=8, color=INK, rotation=20 if len(space) > 6 else 0)
    for column, each in enumerate(space):
        axes.axvline(column, color="#dddddd", linewidth=0.8, zorder=1)
        for value in each.values:
            axes.annotate(
                shorten(str(value), _TICK),
                (column, place(each, value)),
                xytext=(4, 0),
                textcoords="offset points",
                fontsize=7,
                color=INK,
                va="center",
            )
    axes.set_title("Values of the trials, the best in orange", loc="left", color=INK, fontsize=11)


def place(dimension: Dimension, value: object) -> float:
    """Where a value lies on its field's axis, from 0 to 1."""
    if dimension.kind in (Kind.CHOICE, Kind.GRID):
        last = len(dimension.values) - 1
        return dimension.values.index(value) / last if last else 0.5
    low, high = dimension.values
    if low == high or not isinstance(value, int | float):
        return 0.5
    if dimension.kind is Kind.LOGUNIFORM:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)
