"""The benchmark's result for people: `quality.md`."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.benchmark.document import Document, data_sets
from training.evaluation.card_text import TAGS_OF
from training.evaluation.embedded import Direction
from training.evaluation.report import comparison_markdown, shown_name
from training.evaluation.selection import SELECTED_BY


def markdown(whole: Document, pictures: Sequence[str] = ()) -> str:
    """Claims first, then every table behind them.

    Args:
        whole: as `document` makes it.
        pictures: names of PNG files beside the text.
    """
    protocol = whole["protocol"]
    parts = [
        "# Benchmark: quality",
        f"Made by `{protocol['command']}` in {protocol['elapsed_s'] / 60:.1f} minutes on "
        f"{protocol['cpus']} processors; seeds {', '.join(map(str, protocol['seeds']))}. How to "
        "read it: [README.md](README.md). Everything here is computed from "
        "[quality.json](quality.json).",
        "## Claims",
        _claims(whole["claims"]),
        *(f"- left out: {name} ({reason})" for name, reason in whole["claims_left_out"].items()),
    ]
    for name, models in data_sets(whole).items():
        if _has_headlines(models):
            parts += [f"## {name}: retrieval", _main(models)]
    parts += [f"![{name}]({name})" for name in pictures]
    if whole["variants"]:
        parts += ["## Trained on less", _variants(whole["variants"])]
    if whole["ablations"]:
        parts += ["## Ablations (one seed; nothing is chosen by this table)"]
        parts += [_ablations(whole)]
    if whole.get("interests", {}).get("models"):
        parts += ["## Interests", _interests(whole["interests"])]
    for whose, models in whole.get("interests", {}).get("tags", {}).items():
        parts += [f"### {TAGS_OF[whose]}", _tags(models)]
    if whole.get("communities", {}).get("models"):
        parts += ["## Communities", _communities(whole["communities"]["models"])]
    parts += ["## Slices", _slices(whole["slices"])]
    for name, models in data_sets(whole).items():
        parts += [f"## {name}: all metrics", _everything(models)]
    parts += ["## Protocol", _protocol(protocol), "## Training", _training(whole["training"])]
    return "\n\n".join(parts) + "\n"


def _claims(claims: Sequence[Mapping[str, Any]]) -> str:
    verdict = {True: "met", False: "**not met**", None: "no target"}
    rows = [
        [
            each["claim"],
            _figure(each["value"]),
            _figure(each["target"]),
            verdict[each["met"]],
            each["detail"],
        ]
        for each in claims
    ]
    return _table(["claim", "value", "target", "", "detail"], rows)


def _main(models: Mapping[str, Any]) -> str:
    """Headlines with standard deviations, and the mean of the six."""
    directions = [d for d in Direction if any(d.value in cells for cells in models.values())]
    rows = []
    for model, cells in models.items():
        rows.append([model, *(_cell(cells, d) for d in directions), _six(cells)])
    heads = [f"{d.arrow}<br>{shown_name(d.headline)}" for d in directions]
    return _table(["model", *heads, "mean of six"], rows)


def _variants(variants: Mapping[str, Any]) -> str:
    means = {
        model: {
            direction: {metric: cell["mean"] for metric, cell in metrics.items()}
            for direction, metrics in cells.items()
        }
        for model, cells in variants.items()
    }
    return (
        "`fold_in_…`, `trained_few`: queries of the newcomers alone. `emergent`: never trained on "
        "users with texts. `half …`, `0.25 …`: share of training images and of texts removed.\n\n"
        + comparison_markdown(means)
    )


def _ablations(whole: Document) -> str:
    seed = str(whole["protocol"]["seeds"][0])
    rows = []
    for name, each in whole["ablations"].items():
        test = each["test"]
        validation = each["validation"]
        rows.append([name, _figure(validation), _six(test), *(_cell(test, d) for d in Direction)])
    heads = [f"{d.arrow}<br>{shown_name(d.headline)}" for d in Direction]
    text = _table(["variant", "validation, mean of six", "test, mean of six", *heads], rows)
    return f"Seed {seed}; `joint` is the recipe itself with that seed.\n\n{text}"


def _interests(interests: Mapping[str, Any]) -> str:
    rows = [
        [model, *(_interval(metrics[m]) for m in ("macro_f1", "ndcg"))]
        for model, metrics in interests["models"].items()
    ]
    return (
        f"Logistic probe, cross-validated over {interests['people']} people; "
        f"{len(interests['scored_categories'])} of {interests['categories']} categories are "
        "dominant often enough for macro-F1.\n\n"
        + _table(["embedding", "macro-F1, dominant category", "nDCG, category mix"], rows)
    )


def _tags(models: Mapping[str, Any]) -> str:
    names = ("precision@5", "precision@5/low", "precision@5/high", "recall@5", "ceiling@5", "n")
    rows = [[model, *(_figure(cells[n]["mean"]) for n in names)] for model, cells in models.items()]
    heads = ("precision@5", "low", "high", "recall@5", "an oracle's precision@5", "asked")
    return _table(["model", *heads], rows)


def _communities(models: Mapping[str, Any]) -> str:
    metrics = list(dict.fromkeys(metric for cells in models.values() for metric in cells))
    rows = [
        [model, *(_figure(cells.get(m, {}).get("mean")) for m in metrics)]
        for model, cells in models.items()
    ]
    return _table(["clustering of", *metrics], rows)


def _slices(slices: Mapping[str, Any]) -> str:
    parts = []
    for direction in Direction:
        names = list(
            dict.fromkeys(
                name
                for model in slices.values()
                for name, each in model.items()
                if direction.value in each
            )
        )
        if not names:
            continue
        rows = []
        for model, each in slices.items():
            cells = [each.get(name, {}).get(direction.value) for name in names]
            if any(cells):
                rows.append([model, *(_slice_cell(cell) for cell in cells)])
        parts += [f"**{direction.arrow}**, {shown_name(direction.headline)} (queries)"]
        parts += [_table(["model", *names], rows)]
    return "\n\n".join(parts) or "No slice has a query on this data set."


def _has_headlines(models: Mapping[str, Any]) -> bool:
    """Whether the data set is one of retrieval; rankings of reactions have other metrics."""
    return any(
        Direction(direction).headline in metrics
        for cells in models.values()
        for direction, metrics in cells.items()
    )


def _everything(models: Mapping[str, Any]) -> str:
    parts = []
    for direction in Direction:
        measured = {m: cells[direction.value] for m, cells in models.items() if direction in cells}
        names = list(dict.fromkeys(name for metrics in measured.values() for name in metrics))
        rows = [
            [model, *(_interval(metrics.get(name)) for name in names)]
            for model, metrics in measured.items()
        ]
        if rows:
            parts += [f"**{direction.arrow}**", _table(["model", *map(shown_name, names)], rows)]
    return "\n\n".join(parts)


def _protocol(protocol: Mapping[str, Any]) -> str:
    return _table(["", ""], [[name, f"`{value}`"] for name, value in protocol.items()])


def _training(training: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        [name, _figure(each.get("seconds")), _figure(each.get("validation"))]
        for name, each in training.items()
        if "seconds" in each
    ]
    return _table(["trial", "seconds of training", "validation score"], rows)


def _cell(cells: Mapping[str, Any], direction: Direction) -> str:
    cell = cells.get(direction.value, {}).get(direction.headline)
    if cell is None:
        return "–"
    return f"{cell['mean']:.3f}" + (f" ± {cell['std']:.3f}" if cell["std"] else "")


def _six(cells: Mapping[str, Any]) -> str:
    values = [
        cells[direction.value][direction.headline]["mean"]
        for direction in SELECTED_BY
        if direction.value in cells
    ]
    return f"{sum(values) / 6:.3f}" if len(values) == 6 else "–"


def _interval(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return "–"
    if "low" not in cell:
        return f"{cell['mean']:.3f}"
    places = ".0f" if cell["mean"] >= 10 else ".3f"
    return f"{cell['mean']:{places}} [{cell['low']:{places}}, {cell['high']:{places}}]"


def _slice_cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return "–"
    value = next(iter(cell.values()))
    return f"{value['mean']:.3f} ({value['queries']})"


def _figure(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) and value != int(value) else f"{value:g}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(heads), ["---"] * len(heads), *map(list, rows)]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
