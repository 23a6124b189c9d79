"""The benchmark of reactions on disk: `reactions.json`, and `reactions.md` computed from it."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.reactions.ranking import METRICS, SLICES
from training.reactions.reliability import PLOT

JSON, MARKDOWN = "reactions.json", "reactions.md"
_HOW = """\
- **Protocols.** `last_of_each`: the last fifth of each person's likes is held out, of people with \
five or more. `after_a_date`: everything after one date; most of its people are then unknown, and \
models without a word for them are measured fairly in `known_people` alone.
- **Ranking.** Every post is ranked, never a sample; equal scores count against a model. \
`seen_likes`: a person's training likes are left out of their ranking; `seen_all`: all that they \
reacted to; `cold_among_all` and `cold_among_cold`: only posts that nobody likes in training count \
as positives, among all posts or among such.
- **Choices.** Settings of every model, ours too, by nDCG@10 of the latest fifth of each person's \
training likes, within each protocol; in a run the test part is scored once for each model and seed.
- **Terms.** Baselines see the likes alone. Ours also reads their order and dates, dislikes and \
content, so two controls show what these are worth by themselves: `ease_recency` is EASE read from \
histories that fade as ours do, its recency chosen from the same list; `content` compares posts \
with a person's faded history by features alone. Claims are judged against the baselines; the \
difference from the controls stands beside.
- **Figures.** Mean over seeds ± standard deviation; intervals of differences are 95 % bootstrap \
over people, paired, on each person's mean over seeds.
- **Probabilities.** Fitted on the latest reactions of the training part, judged on each person's \
last fifth. `if_reacting`: that a person who reacts to the post reacts in this way; `at_all`: that \
they react in this way to a post drawn at random."""


def write(outcome: Mapping[str, Any], folder: Path) -> None:
    """Both files; each appears whole. The reliability plot is linked if it lies in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / JSON, json.dumps(outcome, indent=1, ensure_ascii=False) + "\n")
    _replace(folder / MARKDOWN, markdown(outcome, plot=(folder / PLOT).exists()))


def markdown(outcome: Mapping[str, Any], *, plot: bool = False) -> str:
    """Claims first, then every table behind them.

    Args:
        outcome: of `benchmark_reactions`, with the key `command`.
        plot: whether the reliability plot lies beside the text.
    """
    counts = outcome["data"]
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in counts["kinds"].items())
    parts = [
        "# Benchmark: reactions",
        f"Made by `{outcome['command']}` in {outcome['seconds'] / 60:.1f} minutes on "
        f"{os.cpu_count()} processors, encoding not counted; seeds "
        f"{', '.join(map(str, outcome['seeds']))}. {counts['people']:,} people, "
        f"{counts['posts']:,} posts, {counts['reactions']:,} reactions ({kinds}). Everything here "
        f"is computed from [{JSON}]({JSON}).",
        "## Claims",
        _claims(outcome["claims"]),
        "## How it is measured",
        _HOW,
    ]
    for protocol, slices in outcome["protocols"].items():
        parts.append(f"## {protocol}")
        for part in (each for each in SLICES if each in slices):
            models = slices[part]
            people = max(cells[METRICS[0]]["n"] for cells in models.values())
            gaps = outcome["differences"][protocol][part]
            parts += [f"**{part}**, {people} people", _ranking(models, outcome["roles"], gaps)]
        parts += ["Chosen on validation:", _chosen(outcome["chosen"][protocol])]
    parts += ["## Probabilities", _calibration(outcome["calibration"])]
    if plot:
        parts.append(f"![Reliability]({PLOT})")
    return "\n\n".join(parts) + "\n"


def _claims(claims: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            claim["claim"],
            f"{claim['value']:.4f}",
            f"{claim['target']:.4f}",
            "met" if claim["met"] else "**not met**",
            claim["detail"],
        )
        for claim in claims
    ]
    return _table(("claim", "value", "best baseline", "", "detail"), rows)


def _ranking(
    models: Mapping[str, Any], roles: Mapping[str, str], gaps: Mapping[str, Mapping[str, float]]
) -> str:
    rows = []
    for model, cells in models.items():
        gap = gaps.get(model)
        shown = f"{gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]" if gap else ""
        figures = (f"{cells[m]['mean']:.4f} ± {cells[m]['std']:.4f}" for m in METRICS)
        rows.append((model, roles[model], *figures, shown))
    return _table(("model", "role", *METRICS, f"ours minus it, {METRICS[0]}"), rows)


def _chosen(chosen: Mapping[str, Mapping[str, Any]]) -> str:
    lines = []
    for model, settings in chosen.items():
        plain = {k: v for k, v in settings.items() if k not in ("tried", "validation")}
        if plain:
            values = ", ".join(f"{name} {_setting(value)}" for name, value in plain.items())
            lines.append(f"- `{model}`: {values}")
    return "\n".join(lines)


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{name} {_setting(each)}" for name, each in value.items()) + ")"
    return f"{value:g}"


def _calibration(kinds: Mapping[str, Mapping[str, Any]]) -> str:
    if not kinds:
        return "None could be fitted: too few cases."
    rows = [
        (
            name,
            each["question"],
            f"{each['base_rate']:.4f}",
            f"{each['ece']:.4f}",
            f"{each['ece_score_alone']:.4f}",
            f"{each['n']:,}",
        )
        for name, each in kinds.items()
    ]
    return _table(("kind", "question", "base rate", "ECE", "ECE of the bare score", "cases"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.partial")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
