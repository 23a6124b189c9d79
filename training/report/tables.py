"""Tables that a screen reader can follow and a phone can scroll."""

import math
from collections.abc import Mapping, Sequence

from training.evaluation.card import EvaluationCard
from training.evaluation.card_text import TAG_HEADS, TAGS_OF, arrow, figure, span, tag_rows
from training.evaluation.embedded import Direction
from training.evaluation.intervals import Interval
from training.evaluation.metrics import find_metric
from training.evaluation.report import ABSENT, shown_name
from training.evaluation.retrieval import METRICS
from training.report.html import Markup, join, tag


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Rows whose first cell is their heading, in a box that scrolls sideways by itself."""
    body = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]))
        for row in rows
    ]
    return _scrolling(caption, head, [tag("tbody", *body)])


def facts(caption: str, rows: Sequence[tuple[str, str]]) -> Markup:
    """Names and what they stand for."""
    lines = [tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows]
    return tag("table", tag("caption", caption), tag("tbody", *lines), class_="facts")


def value_cell(interval: Interval | None, metric: str, *, best: bool = False) -> Markup:
    """A value with its interval below."""
    if interval is None or math.isnan(interval.value):
        return Markup(ABSENT)
    value = figure(interval.value, metric)
    small = span(interval, metric)
    return join([tag("strong", value) if best else value, tag("small", small) if small else None])


def retrieval_table(card: EvaluationCard) -> Markup:
    """All metrics of all models, one group of rows a direction; the best of each group is bold."""
    bodies = []
    for direction in Direction:
        models = {
            model: found[direction.value]
            for model, found in card.retrieval.items()
            if direction.value in found
        }
        if not models:
            continue
        group = tag("tr", tag("th", direction.arrow, scope="rowgroup", colspan=len(METRICS) + 1))
        bodies.append(tag("tbody", group, *_model_rows(models)))
    head = ("model", *map(shown_name, METRICS))
    return _scrolling("All metrics, with 95 % intervals resampled by person", head, bodies)


def slices_table(card: EvaluationCard) -> Markup:
    """Headline metric per slice and direction, with the number of queries."""
    directions = [d for d in Direction if any(d.value in each for each in card.slices.values())]
    rows = []
    for name, found in card.slices.items():
        cells = []
        for direction in directions:
            result = found.get(direction.value)
            cells.append(
                join(
                    [
                        value_cell(result.value, result.metric),
                        tag("small", f"{result.queries:,} queries"),
                    ]
                )
                if result
                else ABSENT
            )
        rows.append((name, *cells))
    head = [f"{d.arrow} {shown_name(d.headline)}" for d in directions]
    return table("The model on parts of the queries", ["slice", *head], rows)


def gaps_table(card: EvaluationCard) -> Markup:
    """Modality gap per direction."""
    rows = [
        (arrow(name), *map(figure, (gap.distance, gap.separation, gap.matching, gap.other)))
        for name, gap in card.gaps.items()
    ]
    head = (
        "direction",
        "distance of the means",
        "separation (AUC)",
        "cosine of matches",
        "of other pairs",
    )
    return table("Modality gap", head, rows)


def degradation_table(card: EvaluationCard) -> Markup:
    """user→post MAP over the share of what is missing."""
    points = next(iter(card.degradation.values()))
    head = ("missing", *(f"{point.share:.0%}" for point in points))
    rows = [
        (kind, *(figure(point.map) for point in curve)) for kind, curve in card.degradation.items()
    ]
    return table("user→post MAP over the share of posts that lost it", head, rows)


def tags_tables(card: EvaluationCard) -> Markup:
    """How well tags are foretold: of posts by their images, of people by what is known of them."""
    return join(
        [
            table(TAGS_OF[whose], ("model", *TAG_HEADS), tag_rows(figures))
            for whose, figures in card.tags.items()
        ]
    )


def _model_rows(models: Mapping[str, Mapping[str, Interval]]) -> list[Markup]:
    best = {metric: _best(models, metric) for metric in METRICS}
    rows = []
    for model, values in models.items():
        cells = [
            tag("td", value_cell(values.get(m), m, best=_shows(values.get(m), m, best[m])))
            for m in METRICS
        ]
        rows.append(tag("tr", tag("th", model, scope="row"), *cells))
    return rows


def _best(models: Mapping[str, Mapping[str, Interval]], metric: str) -> str:
    """The best value as shown; empty where there is nothing to compare."""
    values = [found[metric].value for found in models.values() if metric in found]
    values = [value for value in values if not math.isnan(value)]
    if len(values) < 2:
        return ""
    higher = find_metric(metric).higher_is_better
    return figure(max(values) if higher else min(values), metric)


def _shows(interval: Interval | None, metric: str, best: str) -> bool:
    return interval is not None and figure(interval.value, metric) == best


def _scrolling(caption: str, head: Sequence[str], bodies: Sequence[Markup]) -> Markup:
    top = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head)))
    inner = tag("table", tag("caption", caption), top, *bodies)
    return tag("div", inner, class_="wide", tabindex=0, role="region", aria_label=caption)
