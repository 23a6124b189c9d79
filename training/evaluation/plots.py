"""Plots of a training and of an evaluation, as PNG; matplotlib is loaded on the first call."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.gap import ModalityGap, modality_gap
from training.evaluation.report import Summary, shown_directions, shown_name
from training.evaluation.style import (
    COLOURS,
    DASHES,
    GREY,
    INK,
    MARKERS,
    colour_cycle,
    grid_of_axes,
    new_figure,
    save,
    shorten,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# What a curve stands for as a whole, not as one of its terms: drawn heavier.
TOTALS = ("loss", "loss/total", "validation/score")


def training_curves(history: Sequence[Mapping[str, float]], path: Path) -> Path:
    """Loss terms and validation per epoch, in two panels.

    Args:
        history: one mapping an epoch: `epoch` (else counted from 1), `loss` and `loss/<term>` for
            the left panel, `validation/<name>` for the right one; other keys are not drawn. An
            epoch may lack a key.
        path: of the PNG.
    """
    names = list(dict.fromkeys(name for row in history for name in row))
    panels = [
        ("Training loss", [n for n in names if n == "loss" or n.startswith("loss/")]),
        ("Validation", [n for n in names if n.startswith("validation/")]),
    ]
    panels = [panel for panel in panels if panel[1]]
    figure, axes = grid_of_axes(max(1, len(panels)), 2, width=6.2, height=4)
    epochs = [row.get("epoch", i + 1) for i, row in enumerate(history)]
    for axis, (title, keys) in zip(axes, panels, strict=False):
        for number, key in enumerate(keys):
            _curve(axis, number, key, epochs, [row.get(key, math.nan) for row in history])
        axis.set_title(title, loc="left", color=INK, fontsize=11)
        axis.set_xlabel("epoch", color=INK)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend(frameon=False, fontsize=8, ncols=2 if len(keys) > 6 else 1)
    return save(figure, path)


MOST_BARS = 40
"""More in one row can't be read."""


def retrieval_bars(
    summary: Summary,
    path: Path,
    *,
    metric: str | None = None,
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
) -> Path:
    """One group of bars a direction, one bar a model that can do it.

    Args:
        summary: model → direction → metric → value.
        path: of the PNG.
        metric: None for each direction's headline, which is named below the group.
        intervals: model → direction → (low, high), drawn as whiskers.
    """
    directions = shown_directions(summary)
    rows = 2 if len(directions) * len(summary) > MOST_BARS else 1
    columns = max(1, -(-len(directions) // rows))
    figure = new_figure(max(6.0, 0.33 * columns * (len(summary) + 1)), 0.6 + 3.6 * rows)
    for row in range(rows):
        axis = tidy(figure.add_subplot(rows, 1, row + 1))
        group = directions[row * columns : (row + 1) * columns]
        _bars(axis, group, summary, metric, intervals or {})
        if row == 0 and summary:
            figure.legend(loc="outside upper left", frameon=False, fontsize=9, ncols=5)
    return save(figure, path)


def _bars(
    axis: "Axes",
    directions: Sequence[Direction],
    summary: Summary,
    metric: str | None,
    intervals: Mapping[str, Mapping[str, tuple[float, float]]],
) -> None:
    """A row of `retrieval_bars`."""
    colours = colour_cycle(list(summary))
    width = 0.84 / max(1, len(summary))
    for place, direction in enumerate(directions):
        values = {
            model: results.get(direction.value, {}).get(metric or direction.headline, math.nan)
            for model, results in summary.items()
        }
        values = {model: value for model, value in values.items() if not math.isnan(value)}
        for number, (model, value) in enumerate(values.items()):
            x = place + (number - (len(values) - 1) / 2) * width
            axis.bar(x, value, width * 0.9, color=colours[model])
            interval = intervals.get(model, {}).get(direction.value)
            if interval:
                axis.vlines(x, *interval, color=INK, linewidth=1.2)
            _annotate(axis, x, value, max(value, interval[1]) if interval else value)
    for model in summary:
        axis.bar(0, 0, color=colours[model], label=shorten(model, 30))  # its entry in the legend
    axis.set_xticks(
        range(len(directions)),
        [f"{d.arrow}\n{shown_name(metric or d.headline)}" for d in directions],
    )
    axis.grid(axis="x", visible=False)


def score_histograms(embedded: EmbeddedPosts, path: Path, *, seed: int = 0) -> Path:
    """Scores of matches and of non-matches per direction, with separation and modality gap.

    Raises: ValueError if the model can do no direction at all.
    """
    gaps = [(direction, modality_gap(embedded, direction, seed=seed)) for direction in Direction]
    drawn = [(direction, gap) for direction, gap in gaps if gap is not None]
    if not drawn:
        raise ValueError("no direction to draw: nothing is embedded or nothing matches")
    figure, axes = grid_of_axes(len(drawn), 4, width=3.1, height=2.5)
    for axis, (direction, gap) in zip(axes, drawn, strict=True):
        _histogram(axis, direction, gap)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", frameon=False, fontsize=9, ncols=2)
    return save(figure, path)


def _annotate(axis: "Axes", x: float, value: float, top: float) -> None:
    text = f"{value:.0f}" if value >= 10 else f"{value:.2f}".removeprefix("0")
    axis.annotate(
        text, (x, top), xytext=(0, 2), textcoords="offset points",
        ha="center", va="bottom", fontsize=7.5, color=INK,
    )  # fmt: skip


def _curve(
    axis: "Axes", number: int, key: str, epochs: Sequence[float], values: Sequence[float]
) -> None:
    total = key in TOTALS
    axis.plot(
        epochs,
        values,
        color=INK if total else COLOURS[number % len(COLOURS)],
        linestyle=DASHES[number // len(COLOURS) % len(DASHES)],
        marker=None if total else MARKERS[number % len(MARKERS)],
        markersize=3.5,
        markevery=max(1, len(epochs) // 12),
        linewidth=2.4 if total else 1.5,
        label=_readable(key.partition("/")[2]) or "total",
    )


def _readable(name: str) -> str:
    """`user_to_image/map` as `user→image MAP`; other names as they are."""
    direction, _, metric = name.partition("/")
    if direction in set(Direction):
        return f"{Direction(direction).arrow} {shown_name(metric)}".strip()
    return shorten(name, 40)


def _histogram(axis: "Axes", direction: Direction, gap: ModalityGap) -> None:
    scores = np.concatenate([gap.positives, gap.negatives])
    low, high = (scores.min(), scores.max()) if len(scores) else (-1.0, 1.0)
    bins = np.linspace(low - 1e-3, high + 1e-3, 41).tolist()
    series = [(gap.negatives, GREY, "other pairs"), (gap.positives, COLOURS[0], "matching pairs")]
    for values, colour, label in series:
        weights = np.full(len(values), 1 / max(1, len(values)))
        axis.hist(values, bins=bins, weights=weights, color=colour, alpha=0.65, label=label)
        axis.hist(values, bins=bins, weights=weights, color=colour, histtype="step", linewidth=1.2)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.set_xlabel("cosine similarity", fontsize=8, color=INK)
    axis.set_title(
        f"{direction.arrow}\n"
        f"separation {gap.separation:.3f}   gap {gap.distance:.2f}",
        loc="left", fontsize=9, color=INK,
    )  # fmt: skip
