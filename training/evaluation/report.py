"""The comparison of models as a table for the terminal and for Markdown."""

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from training.evaluation.embedded import Direction
from training.evaluation.metrics import find_metric
from training.evaluation.retrieval import QueryResults

# model → direction → metric → value: the shape of every summary on disk and in trackers.
Summary = Mapping[str, Mapping[str, Mapping[str, float]]]

ABSENT = "–"


def summarise_models(
    results: Mapping[str, Mapping[Direction, QueryResults]],
) -> dict[str, dict[str, dict[str, float]]]:
    """A plain, JSON-ready summary of the per-query results of several models."""
    return {
        model: {direction.value: each.summary() for direction, each in directions.items()}
        for model, directions in results.items()
    }


def flat_metrics(summary: Mapping[str, Mapping[str, float]], prefix: str = "") -> dict[str, float]:
    """One model's `direction/metric` → value, in names that trackers take (no `@`)."""
    return {
        f"{prefix}{direction}/{name.replace('@', '_at_')}": value
        for direction, values in summary.items()
        for name, value in values.items()
    }


def comparison_table(summary: Summary, *, metric: str | None = None, title: str = "") -> Table:
    """Rows models, columns directions; the best of each column in bold.

    Args:
        summary: of the models, in the order of the rows.
        metric: shown in every column; None for each direction's headline (MRR between image and
            text, MAP with people).
        title: above the table.
    """
    # Eight directions and a name fit into 80 columns so, and only so.
    table = Table(title=title or None, box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("model")
    directions = shown_directions(summary)
    for direction in directions:
        heading = f"{direction.query}\n→{direction.candidate}\n"
        table.add_column(heading + shown_name(metric or direction.headline), justify="right")
    for model, cells in _rows(summary, directions, metric):
        table.add_row(
            escape(model), *(f"[bold]{text}[/bold]" if best else text for text, best in cells)
        )
    return table


def comparison_markdown(summary: Summary, *, metric: str | None = None) -> str:
    """The same table in Markdown, with a line break at the end."""
    directions = shown_directions(summary)
    headings = [f"{each.arrow}<br>{shown_name(metric or each.headline)}" for each in directions]
    lines = [_line(["model", *headings]), _line(["---", *["---:"] * len(directions)])]
    for model, cells in _rows(summary, directions, metric):
        lines.append(_line([model, *(f"**{text}**" if best else text for text, best in cells)]))
    return "\n".join(lines) + "\n"


def shown_directions(summary: Summary) -> list[Direction]:
    """The directions that at least one model can do, in the order of `Direction`."""
    known = {direction for model in summary.values() for direction in model}
    return [direction for direction in Direction if direction.value in known]


def shown_name(metric: str) -> str:
    """A metric as people write it: MAP, nDCG@10, median rank."""
    if metric in ("mrr", "map"):
        return metric.upper()
    return metric.replace("ndcg", "nDCG").replace("_", " ")


def _rows(
    summary: Summary, directions: Sequence[Direction], metric: str | None
) -> Iterable[tuple[str, list[tuple[str, bool]]]]:
    """Each model's name and its cells: text, and whether it is the best of the column as shown."""
    columns = [
        _column(summary, direction, metric or direction.headline) for direction in directions
    ]
    for row, model in enumerate(summary):
        yield model, [column[row] for column in columns]


def _column(summary: Summary, direction: Direction, metric: str) -> list[tuple[str, bool]]:
    values = [model.get(direction.value, {}).get(metric, math.nan) for model in summary.values()]
    texts = [ABSENT if math.isnan(value) else _number(value, metric) for value in values]
    real = [value for value in values if not math.isnan(value)]
    if len(real) < 2:
        return [(text, False) for text in texts]
    best = max(real) if find_metric(metric).higher_is_better else min(real)
    # Equal as printed is equally good: nobody can see why one of two .431 is bold.
    return [(text, text == _number(best, metric)) for text in texts]


def _number(value: float, metric: str) -> str:
    return f"{value:.3f}" if find_metric(metric).higher_is_better else f"{value:g}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
