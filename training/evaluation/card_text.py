"""The evaluation card in Markdown."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from training.evaluation.embedded import Direction
from training.evaluation.intervals import Interval
from training.evaluation.report import ABSENT, shown_directions, shown_name
from training.evaluation.retrieval import METRICS

if TYPE_CHECKING:
    from training.evaluation.card import EvaluationCard
    from training.interests.precision import Figures

TAGS_OF = {
    "posts": "Tags of held-out posts, foretold from their images alone.",
    "people": "Tags that people put on their held-out posts, foretold from what is known of them.",
}
TAG_HEADS = ("asked", "precision@5", "recall@5", "an oracle's precision@5", "tags ever foretold")


def card_markdown(card: "EvaluationCard", title: str) -> str:
    """One section a part of the card."""
    sections = {
        "How it was measured": _protocol(card),
        "Retrieval": _retrieval(card),
        "Modality gap": _gaps(card),
        "Slices": _slices(card),
        "When images or texts are missing at evaluation time": _degradation(card),
        "Tags foretold": _tags(card),
    }
    body = "\n\n".join(f"## {name}\n\n{text}" for name, text in sections.items() if text)
    return f"# {title}\n\n{body}\n"


def arrow(direction: str) -> str:
    """A direction's name as people read it."""
    return Direction(direction).arrow


def figure(value: float, metric: str = "map") -> str:
    """A metric's value as tables show it."""
    if math.isnan(value):
        return ABSENT
    return f"{round(value, 1):g}" if metric == "median_rank" else f"{value:.3f}"


def span(interval: Interval, metric: str = "map") -> str:
    """`low–high`, or nothing where no interval is known."""
    if math.isnan(interval.low):
        return ""
    return f"{figure(interval.low, metric)}–{figure(interval.high, metric)}"


def _protocol(card: "EvaluationCard") -> str:
    protocol = card.protocol
    facts = [
        ("posts asked for", protocol.split),
        ("split", f"{protocol.strategy}, seed {protocol.seed}"),
        *((f"posts in {part}", f"{count:,}") for part, count in protocol.posts.items()),
        ("people", f"{protocol.people:,}"),
        ("ranking", protocol.ranking),
        ("intervals", protocol.interval),
        ("data digest", f"`{protocol.data_digest}`"),
    ]
    asked = [
        (arrow(name), f"{count.queries:,}", f"{count.candidates:,}")
        for name, count in protocol.asked.items()
    ]
    tables = [_table(("what", "value"), facts)]
    if asked:
        tables.append(_table(("direction", "queries", "candidates"), asked))
    return "\n\n".join(tables)


def _retrieval(card: "EvaluationCard") -> str:
    rows = [
        (direction.arrow, model, *(_cell_of(values, metric) for metric in METRICS))
        for direction in shown_directions(card.retrieval)  # pyright: ignore[reportArgumentType]  # only the keys are read
        for model, directions in card.retrieval.items()
        if (values := directions.get(direction.value))
    ]
    heads = ("direction", "model", *map(shown_name, METRICS))
    return _table(heads, rows) if rows else "There was no query in this split."


def _cell_of(values: Mapping[str, Interval], metric: str) -> str:
    interval = values.get(metric)
    if interval is None:
        return ABSENT
    return f"{figure(interval.value, metric)} {_small(span(interval, metric))}".strip()


def _gaps(card: "EvaluationCard") -> str:
    rows = [
        (arrow(n), *(figure(v) for v in (g.distance, g.separation, g.matching, g.other)))
        for n, g in card.gaps.items()
    ]
    heads = ("direction", "distance", "separation (AUC)", "cosine of matches", "of other pairs")
    return _table(heads, rows) if rows else ""


def _slices(card: "EvaluationCard") -> str:
    rows = [
        (
            name,
            arrow(direction),
            shown_name(result.metric),
            f"{result.queries:,}",
            f"{figure(result.value.value)} {_small(span(result.value))}",
        )
        for name, directions in card.slices.items()
        for direction, result in directions.items()
    ]
    return _table(("slice", "direction", "metric", "queries", "value"), rows) if rows else ""


def _degradation(card: "EvaluationCard") -> str:
    curves = card.degradation
    points = next(iter(curves.values()), ())
    if not points or math.isnan(points[0].map):
        return ""
    heads = ("user→post MAP, missing:", *(f"{point.share:.0%}" for point in points))
    return _table(heads, [(k, *(figure(p.map) for p in curve)) for k, curve in curves.items()])


def _tags(card: "EvaluationCard") -> str:
    tables = [
        f"{TAGS_OF[whose]}\n\n{_table(('model', *TAG_HEADS), tag_rows(figures))}"
        for whose, figures in card.tags.items()
    ]
    return "\n\n".join(tables)


def tag_rows(figures: "Figures") -> list[tuple[str, ...]]:
    """Model, and under each of `TAG_HEADS` its value."""
    return [
        (
            model,
            f"{each['n']:,.0f}",
            f"{figure(each['precision@5'])} "
            f"({figure(each['precision@5/low'])}–{figure(each['precision@5/high'])})",
            figure(each["recall@5"]),
            figure(each["ceiling@5"]),
            f"{each['coverage']:.0%}",
        )
        for model, each in figures.items()
    ]


def _small(text: str) -> str:
    return f"({text})" if text else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )
