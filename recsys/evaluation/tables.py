"""The report as tables for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from recsys.evaluation.measure import BEYOND
from recsys.evaluation.report import is_better
from training.evaluation.report import ABSENT, shown_name

ACCURACY = ("ndcg@10", "recall@20", "mrr", "map")
SLICED = ("ndcg@10", "recall@20")


def report_tables(outcome: Mapping[str, Any]) -> RenderableType:
    """Of each split: accuracy with intervals, parts of it, the rest, and who beats whom."""
    parts: list[RenderableType] = []
    for name, split in outcome["splits"].items():
        cutoff = outcome["config"]["cutoff"]
        parts.append(_accuracy(name, split))
        for part, people in split["slices"].items():
            if part != "all":
                parts.append(_slice(part, people, split))
        parts.append(_beyond(f"Beyond accuracy, of the first {cutoff}", split))
        parts.extend(_lines(split))
    return Group(*parts)


def _accuracy(name: str, split: Mapping[str, Any]) -> Table:
    title = (
        f"{name}: {split['people']} people, {split['likes']} held-out likes, lists of "
        f"{split['depth']}; 95 % intervals over people"
    )
    rows = {
        contender: [each["slices"]["all"][measure] for measure in ACCURACY]
        for contender, each in split["contenders"].items()
    }
    return _table(title, ACCURACY, rows, intervals=True)


def _slice(part: str, people: int, split: Mapping[str, Any]) -> Table:
    rows = {
        contender: [each["slices"][part][measure] for measure in SLICED]
        for contender, each in split["contenders"].items()
    }
    return _table(f"{part.replace('_', ' ')}: {people} people", SLICED, rows, intervals=True)


def _beyond(title: str, split: Mapping[str, Any]) -> Table:
    rows = {
        contender: [each["beyond"].get(measure) for measure in BEYOND]
        for contender, each in split["contenders"].items()
    }
    return _table(title, BEYOND, rows, intervals=False)


def _table(
    title: str,
    measures: tuple[str, ...],
    rows: Mapping[str, list[Mapping[str, float] | None]],
    *,
    intervals: bool,
) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("contender")
    for measure in measures:
        table.add_column(shown_name(measure), justify="right")
    best = [
        _best(measure, [row[at] for row in rows.values()]) for at, measure in enumerate(measures)
    ]
    for contender, cells in rows.items():
        texts = [
            _cell(cell, intervals, bold=cell is not None and _shown(cell) == best[at])
            for at, cell in enumerate(cells)
        ]
        table.add_row(escape(contender), *texts)
    return table


def _best(measure: str, cells: list[Mapping[str, float] | None]) -> str | None:
    best: Mapping[str, float] | None = None
    for cell in cells:
        if cell and (best is None or is_better(measure, cell["value"], best["value"])):
            best = cell
    return _shown(best) if best else None


def _shown(cell: Mapping[str, float]) -> str:
    return f"{cell['value']:.4f}"


def _cell(cell: Mapping[str, float] | None, intervals: bool, *, bold: bool) -> str:
    if cell is None:
        return ABSENT
    text = f"[bold]{_shown(cell)}[/bold]" if bold else _shown(cell)
    if intervals and "low" in cell:
        text += f" \\[{cell['low']:.3f}, {cell['high']:.3f}]"
    return text


def _lines(split: Mapping[str, Any]) -> Iterator[str]:
    for measure in SLICED:
        found = split["differences"].get("all", {}).get(measure)
        for name, gap in found["above"].items() if found else ():
            yield (
                f"{name} above {found['best']}, the best baseline, in {shown_name(measure)}: "
                f"{gap['value']:+.4f} \\[{gap['low']:+.4f}, {gap['high']:+.4f}]"
            )
    for name, each in split["reliability"].items():
        yield (
            f"probability of {escape(name)} ({each['question']}): calibration error "
            f"{each['ece']:.4f}, {each['cases']} cases"
        )
    for point in split.get("curve", ()):
        yield (
            f"diversity at strength {point['strength']:g}: {point['diversity']:.4f} "
            f"({point['gained']:+.1%}), nDCG@10 {point['ndcg']:.4f} ({0 - point['lost']:+.1%})"
        )
    for name, reason in split["skipped"].items():
        yield f"left out: {name}: {escape(reason)}"
    yield ""
