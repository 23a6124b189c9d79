"""The report as pictures, PNG; matplotlib is loaded on the first call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.evaluation.report import shown_name
from training.evaluation.style import COLOURS, GREEN, GREY, INK, new_figure, save, tidy
from training.reactions.contenders import Role

MEASURE = "ndcg@10"
_COLOUR_OF = {Role.BASELINE: GREY, Role.CONTROL: COLOURS[5], Role.OURS: COLOURS[0]}
MOST_LOST, LEAST_GAINED = 0.03, 0.3
"""What diversity may cost at most and has to bring at least, as shares."""


def report_plots(outcome: Mapping[str, Any], folder: Path) -> list[Path]:
    """Accuracy of each split's contenders, variety against accuracy, and what diversity costs."""
    written = []
    for name, split in outcome["splits"].items():
        written.append(_accuracy(name, split, folder / f"{name}_accuracy.png"))
        written.append(_variety(name, split, folder / f"{name}_variety.png"))
        if split.get("curve"):
            written.append(_curve(name, split["curve"], folder / f"{name}_diversity.png"))
        if split["reliability"]:
            path = folder / f"{name}_reliability.png"
            written.append(_reliability(name, split["reliability"], path))
    return written


def _accuracy(name: str, split: Mapping[str, Any], path: Path) -> Path:
    """Points with intervals, best on top."""
    cells = {
        contender: (each["slices"]["all"][MEASURE], Role(each["role"]))
        for contender, each in split["contenders"].items()
    }
    order = sorted(cells, key=lambda contender: cells[contender][0]["value"])
    figure = new_figure(6.4, 0.9 + 0.28 * len(order))
    axis = tidy(figure.add_subplot(), grid="x")
    for row, contender in enumerate(order):
        cell, role = cells[contender]
        axis.plot([cell["low"], cell["high"]], [row, row], color=_COLOUR_OF[role], linewidth=2)
        axis.plot([cell["value"]], [row], "o", color=_COLOUR_OF[role])
    axis.set_yticks(range(len(order)), order)
    axis.set_xlabel(f"{shown_name(MEASURE)}, 95 % over {split['people']} people", color=INK)
    axis.set_title(name, loc="left", color=INK, fontsize=11)
    return save(figure, path)


def _variety(name: str, split: Mapping[str, Any], path: Path) -> Path:
    """A point a contender: coverage against accuracy."""
    figure = new_figure(6.4, 4.4)
    axis = tidy(figure.add_subplot(), grid="both")
    for contender, each in split["contenders"].items():
        across, up = each["beyond"]["coverage"]["value"], each["slices"]["all"][MEASURE]["value"]
        axis.plot([across], [up], "o", color=_COLOUR_OF[Role(each["role"])])
        axis.annotate(
            contender, (across, up), xytext=(4, 3), textcoords="offset points", fontsize=8
        )
    axis.set_xlabel("catalogue coverage", color=INK)
    axis.set_ylabel(shown_name(MEASURE), color=INK)
    axis.set_title(name, loc="left", color=INK, fontsize=11)
    return save(figure, path)


def _curve(name: str, points: list[Mapping[str, float]], path: Path) -> Path:
    """What diversity brings against what it costs, with the corner that is wanted."""
    figure = new_figure(6.4, 4.4)
    axis = tidy(figure.add_subplot(), grid="both")
    lost, gained = ([100 * each[key] for each in points] for key in ("lost", "gained"))
    left, top = min([*lost, 0]) - 1, max([*gained, 100 * LEAST_GAINED]) + 5
    axis.fill_between(
        [left, 100 * MOST_LOST], 100 * LEAST_GAINED, top, color=GREEN, alpha=0.12, linewidth=0
    )
    axis.plot(lost, gained, "o-", color=COLOURS[0])
    for each, across, up in zip(points, lost, gained, strict=True):
        label = f"{each['strength']:g}"
        axis.annotate(label, (across, up), xytext=(4, -9), textcoords="offset points", fontsize=8)
    axis.set_xlabel(f"{shown_name(MEASURE)} lost, %", color=INK)
    axis.set_ylabel("intra-list diversity gained, %", color=INK)
    title = f"{name}: strength of diversity from {points[0]['strength']:g}"
    axis.set_title(title, loc="left", color=INK, fontsize=11)
    return save(figure, path)


def _reliability(name: str, kinds: Mapping[str, Any], path: Path) -> Path:
    figure = new_figure(5, 4.4)
    axis = tidy(figure.add_subplot(), grid="both")
    edge = 0.0
    for number, (kind, each) in enumerate(kinds.items()):
        said, happened = ([b[key] for b in each["bins"]] for key in ("said", "happened"))
        edge = max(edge, *said, *happened)
        label = f"{kind}: calibration error {each['ece']:.3g}"
        axis.plot(said, happened, "o-", color=COLOURS[number % len(COLOURS)], label=label)
    axis.plot([0, edge], [0, edge], color=GREY, linewidth=1)
    axis.set_xlabel("predicted", color=INK)
    axis.set_ylabel("observed", color=INK)
    axis.legend(frameon=False, fontsize=8)
    axis.set_title(name, loc="left", color=INK, fontsize=11)
    return save(figure, path)
