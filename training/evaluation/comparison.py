"""Two models on the same posts, direction by direction, with a paired interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.errors import BadData
from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.intervals import Interval, bootstrap_interval
from training.evaluation.retrieval import QueryResults, retrieval_per_query
from training.evaluation.style import COLOURS, GREY, INK, new_figure, save, tidy


@dataclass(frozen=True)
class Compared:
    """The headline metric of one direction.

    Attributes:
        direction: such as `user_to_post`.
        metric: its headline metric.
        queries: how many.
        candidate: with a 95 % interval, resampled by person.
        champion: on the same queries.
        difference: candidate less champion, paired by query: far tighter than the two by
            themselves.
    """

    direction: str
    metric: str
    queries: int
    candidate: Interval
    champion: Interval
    difference: Interval

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "direction": self.direction,
            "metric": self.metric,
            "queries": self.queries,
            "candidate": list(self.candidate),
            "champion": list(self.champion),
            "difference": list(self.difference),
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "Compared":
        """What `to_json` gave."""
        intervals = {
            name: Interval(*plain[name]) for name in ("candidate", "champion", "difference")
        }
        return cls(plain["direction"], plain["metric"], plain["queries"], **intervals)


def compare_embedded(
    candidate: EmbeddedPosts, champion: EmbeddedPosts, *, seed: int = 0
) -> list[Compared]:
    """Each direction that both models can do and that has a query.

    Args:
        candidate: a split, as the new model sees it.
        champion: the same split of the same data, as the present one sees it.
        seed: of the resampling.
    Raises: BadData if they are not of the same posts and people.
    """
    if len(candidate) != len(champion) or len(candidate.users) != len(champion.users):
        raise BadData("the two models did not embed the same posts and people")
    metrics = sorted({direction.headline for direction in Direction})
    first = retrieval_per_query(candidate, metrics=metrics)
    second = retrieval_per_query(champion, metrics=metrics)
    return [
        _compared(direction, first[direction], second[direction], seed)
        for direction in Direction
        if direction in first and direction in second and len(first[direction])
    ]


def comparison_picture(compared: Sequence[Compared], path: Path) -> Path:
    """Both models with their intervals on the left, their difference on the right, as PNG."""
    figure = new_figure(10, 1.3 + 0.5 * len(compared))
    both, apart = (tidy(figure.add_subplot(1, 2, i + 1), grid="x") for i in range(2))
    rows = np.arange(len(compared))[::-1]
    _intervals(both, rows + 0.14, [each.champion for each in compared], GREY, "s", "champion")
    _intervals(
        both, rows - 0.14, [each.candidate for each in compared], COLOURS[0], "o", "candidate"
    )
    names = [f"{Direction(each.direction).arrow} {each.metric.upper()}" for each in compared]
    both.set_yticks(rows, names)
    both.set_xlim(left=0)
    both.set_xlabel("95 % intervals, resampled by person", color=INK)
    both.legend(frameon=False, fontsize=9)
    _intervals(apart, rows, [each.difference for each in compared], COLOURS[0], "o", "")
    apart.axvline(0, color=INK, linewidth=1)
    apart.set_yticks(rows, [""] * len(rows))
    apart.set_xlabel("candidate − champion, paired by query", color=INK)
    return save(figure, path)


def _compared(
    direction: Direction, first: QueryResults, second: QueryResults, seed: int
) -> Compared:
    if not np.array_equal(first.queries, second.queries):
        raise BadData(f"the two models were not asked the same in {direction.value}")
    metric = direction.headline
    a, b = first.values[metric], second.values[metric]
    return Compared(
        direction.value,
        metric,
        len(first),
        *(bootstrap_interval(v, seed, groups=first.person) for v in (a, b, a - b)),
    )


def _intervals(
    axes, rows: np.ndarray, values: Sequence[Interval], colour: str, marker: str, label: str
) -> None:
    middle = np.array([each.value for each in values])
    reach = np.array([[each.value - each.low, each.high - each.value] for each in values]).T
    axes.errorbar(
        middle, rows, xerr=np.maximum(reach, 0), fmt=marker, color=colour, capsize=3, label=label
    )
