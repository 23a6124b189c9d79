"""Points to communities: a method, the level that resamples agree on most, and how firm it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import training.communities.density
import training.communities.louvain  # noqa: F401  # registers itself, as the one above
from training.communities.method import NOBODY, methods, renumbered
from training.communities.stability import Agreement, agreement, recovery, resampled
from training.errors import BadData

LEAST_PEOPLE = 8
"""Fewer people have no communities that could be told from chance."""
LEAST_SIZE = 3
_NEARLY = 0.95
_SEEDS = 3
_MOST_FOR_SEEDS = 20_000


@dataclass(frozen=True)
class Grouping:
    """Communities of M people.

    Attributes:
        labels: (M,) int; community 0 is the largest, NOBODY for people in none.
        method: its name.
        level: of detail, chosen or given.
        levels: what was found at each level that was tried.
        resamples: agreement of the groupings of resampled people at this level.
        seeds: adjusted Rand index between runs over the same people with other seeds.
        recovered: (C,) how much of each community the resamples find again.
    """

    labels: np.ndarray
    method: str
    level: float
    levels: dict[float, Agreement]
    resamples: Agreement
    seeds: float
    recovered: np.ndarray

    @property
    def count(self) -> int:
        """C, how many communities there are."""
        return int(self.labels.max(initial=NOBODY)) + 1


def group(
    points: np.ndarray,
    method: str = "louvain",
    *,
    level: float | None = None,
    least: int = LEAST_SIZE,
    rounds: int = 6,
    seed: int = 0,
) -> Grouping:
    """Find communities.

    Args:
        points: (M, F) unit rows.
        method: of the registry.
        level: of detail; None takes the coarsest one whose `Agreement.score` is within 5 % of the
            best: no label has a part in it.
        least: people a community has at least; those of smaller groups are in none.
        rounds: resamples.
        seed: the same gives the same communities.
    Raises: BadConfig if the method is unknown; BadData if there are too few people.
    """
    way = methods[method]()
    if len(points) < LEAST_PEOPLE:
        raise BadData(
            f"{len(points)} people have a place in the space; communities need {LEAST_PEOPLE}",
            hint="people get a place by a post or a reaction in the training split",
        )
    tried: Sequence[float] = way.levels if level is None else (level,)
    samples = resampled(points, way, tried, rounds=rounds, seed=seed)
    levels = {each: agreement(samples[each]) for each in tried}
    least_score = _NEARLY * max(found.score for found in levels.values())
    best = next(each for each in tried if levels[each].score >= least_score)
    prepared = way.prepare(points)
    runs = _SEEDS if len(points) <= _MOST_FOR_SEEDS else 2
    again = [renumbered(way.group(prepared, best, seed + run), least) for run in range(runs)]
    return Grouping(
        labels=again[0],
        method=method,
        level=best,
        levels=levels,
        resamples=levels[best],
        seeds=agreement(again).rand,
        recovered=recovery(again[0], samples[best]),
    )
