"""The page's drawings: what a run records too, and the curves of missing content."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.evaluation.card import EvaluationCard
from training.evaluation.degradation import Degradation
from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.plots import retrieval_bars, score_histograms, training_curves
from training.evaluation.space_map import space_map
from training.evaluation.style import COLOURS, DASHES, INK, MARKERS, new_figure, save, tidy
from training.materials import Materials
from training.record import map_content
from training.report.pictures import drawing, public_pictures
from training.report.run_record import RunRecord
from training.space import Space

_MAP_QUALITY = 70


def draw_all(
    record: RunRecord,
    space: Space,
    materials: Materials,
    embedded: EmbeddedPosts,
    card: EvaluationCard,
) -> dict[str, str]:
    """Name to data URI: `training`, `retrieval`, `scores`, `degradation`, `map`.

    What there is nothing to draw for is left out.
    """
    uris: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:

        def add(name: str, draw: Callable[[Path], Path], **how: int) -> None:
            uris[name] = drawing(draw(Path(folder, f"{name}.png")), **how)

        if record.history:
            add("training", lambda path: training_curves(record.history, path))
        if card.protocol.asked:
            add("retrieval", lambda path: _bars(card, path))
            add("scores", lambda path: score_histograms(embedded, path))
        if Direction.USER_TO_POST in card.protocol.asked:
            add("degradation", lambda path: degradation_curves(card.degradation, path), width=900)
        if len(materials.examples.features):
            add("map", lambda path: _map(space, materials, path), quality=_MAP_QUALITY)
    return uris


def degradation_curves(curves: Degradation, path: Path) -> Path:
    """MAP of user→post over the share of missing content, a line a kind, as PNG."""
    figure = new_figure(6.4, 3.6)
    axes = tidy(figure.add_subplot())
    for number, (kind, curve) in enumerate(curves.items()):
        axes.plot(
            [100 * point.share for point in curve],
            [point.map for point in curve],
            color=COLOURS[number % len(COLOURS)],
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            label=kind,
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("% of posts that lost it", color=INK)
    axes.set_ylabel("user→post MAP", color=INK)
    axes.legend(title="missing", frameon=False, fontsize=9)
    return save(figure, path)


def _bars(card: EvaluationCard, path: Path) -> Path:
    values: dict[str, dict[str, dict[str, float]]] = {}
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    for model, directions in card.retrieval.items():
        for name, metrics in directions.items():
            values.setdefault(model, {})[name] = {m: each.value for m, each in metrics.items()}
            headline = metrics.get(Direction(name).headline)
            if headline is not None and np.isfinite(headline.low):
                intervals.setdefault(model, {})[name] = (headline.low, headline.high)
    shown: Mapping[str, Mapping[str, tuple[float, float]]] = intervals
    return retrieval_bars(values, path, intervals=shown)


def _map(space: Space, materials: Materials, path: Path) -> Path:
    content = map_content(space, materials)
    return space_map(replace(content, pictures=public_pictures(materials.data)), path)
