"""Figures beside their targets, as a page for people: a table for each trial."""

import json
from collections.abc import Mapping
from pathlib import Path


def write_page(figures: Path, title: str, stories: Mapping[str, str]) -> Path:
    """Write the Markdown page beside a file of claims, and return its path.

    Args:
        figures: `[{what, value, target, met, command, detail}]`; what begins with `trial: `.
        title: of the page.
        stories: trial to what is done in it.
    """
    rows = json.loads(figures.read_text(encoding="utf-8"))
    met = sum(row["met"] for row in rows)
    command = ", ".join(dict.fromkeys(f"`{row['command']}`" for row in rows))
    lines = [f"# {title}", "", f"{met} of {len(rows)} targets are met. Measured by {command}.", ""]
    trials: dict[str, list[dict]] = {}
    for row in rows:
        trials.setdefault(row["what"].partition(": ")[0], []).append(row)
    for trial, found in trials.items():
        lines += [f"## {trial}", "", stories.get(trial, ""), ""]
        lines += ["| what | value | target | met | how it came about |", "|---|---|---|---|---|"]
        for row in found:
            what = row["what"].partition(": ")[2]
            cells = [what, f"{row['value']:.4g}", row["target"], "yes" if row["met"] else "**no**"]
            lines.append(f"| {' | '.join([*cells, _cell(row['detail'])])} |")
        lines.append("")
    page = figures.with_suffix(".md")
    page.write_text("\n".join(lines), encoding="utf-8")
    return page


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
