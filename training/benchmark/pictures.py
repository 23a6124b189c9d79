"""The benchmark's plots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.benchmark.document import Document, data_sets
from training.benchmark.plan import CURVE, HALVES
from training.evaluation.embedded import Direction
from training.evaluation.plots import retrieval_bars
from training.evaluation.selection import SELECTED_BY
from training.evaluation.style import COLOURS, INK, MARKERS, new_figure, save, tidy


def draw(whole: Document, folder: Path) -> list[Path]:
    """Bars of every model, the lead of joint over isolated, and the curve of missing content."""
    models = next(iter(data_sets(whole).values()))
    drawn = [_bars(models, folder / "retrieval.png")]
    if {"joint", "isolated"} <= set(models):
        drawn.append(_gains(models, folder / "gains.png"))
    if "joint" in models and whole["variants"]:
        drawn.append(_missing(whole, models, folder / "missing.png"))
    return drawn


def _bars(models: Mapping[str, Any], path: Path) -> Path:
    means = {
        model: {d: {m: cell["mean"] for m, cell in metrics.items()} for d, metrics in cells.items()}
        for model, cells in models.items()
    }
    whiskers = {
        model: {
            direction: (cell["low"], cell["high"])
            for direction, metrics in cells.items()
            if "low" in (cell := metrics[Direction(direction).headline])
        }
        for model, cells in models.items()
    }
    return retrieval_bars(means, path, intervals=whiskers)


def _gains(models: Mapping[str, Any], path: Path) -> Path:
    """Joint over isolated in each direction, in per cent; late fusion stands in for posts."""
    figure = new_figure(7, 3.4)
    axis = tidy(figure.add_subplot(), grid="x")
    gains = []
    for direction in Direction:
        rival = "isolated" if direction in SELECTED_BY else "late_fusion"
        cells = [models.get(m, {}).get(direction.value) for m in ("joint", rival)]
        if all(cells):
            ours, theirs = (cell[direction.headline]["mean"] for cell in cells)
            gains.append((f"{direction.arrow} over {rival}", 100 * (ours / theirs - 1)))
    for place, (_, gain) in enumerate(reversed(gains)):
        axis.barh(place, gain, color=COLOURS[0] if gain >= 0 else COLOURS[3])
        axis.annotate(f"{gain:+.1f} %", (gain, place), xytext=(4, -3), textcoords="offset points")
    axis.set_yticks(range(len(gains)), [name for name, _ in reversed(gains)])
    axis.axvline(0, color=INK, linewidth=1)
    axis.set_xlabel("gain of joint, per cent of the headline metric", color=INK)
    return save(figure, path)


def _missing(whole: Document, models: Mapping[str, Any], path: Path) -> Path:
    """Mean of the six over the share of missing training content."""
    figure = new_figure(6, 3.8)
    axis = tidy(figure.add_subplot())
    series = [("joint", "independent"), ("joint", "apart")]
    series += [("isolated", "independent"), ("isolated", "apart")]
    for number, (model, kind) in enumerate(series):
        points = [(0.0, _six(models.get(model, {})))]
        points += [
            (each.share, _six(whole["variants"].get(f"{model}, {each.share:g} {each.kind}", {})))
            for each in CURVE
            if each.kind == kind
        ]
        half = whole["variants"].get(f"{model}, half {kind}", {})
        points.append((HALVES[kind].share, _six(half)))
        shown = sorted((share, value) for share, value in points if value is not None)
        if len(shown) > 1:
            axis.plot(
                *zip(*shown, strict=True),
                color=COLOURS[0] if model == "joint" else COLOURS[1],
                linestyle="-" if kind == "independent" else "--",
                marker=MARKERS[number],
                label=f"{model}, {kind}",
            )
    axis.set_ylim(bottom=0)
    axis.set_xlabel("share of training images, and of texts, removed", color=INK)
    axis.set_ylabel("mean of six", color=INK)
    axis.legend(frameon=False, fontsize=9)
    return save(figure, path)


def _six(cells: Mapping[str, Any]) -> float | None:
    values = [cells[d.value][d.headline]["mean"] for d in SELECTED_BY if d.value in cells]
    return sum(values) / len(values) if len(values) == len(SELECTED_BY) else None
