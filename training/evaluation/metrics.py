"""Ranking metrics: one decorated function each, from the ranks of the positives of every query.

A metric sees a `Ranking` and returns one value per query; `evaluate` averages them. To add one:

    @metric("success@k")
    def success(ranking: Ranking, k: int) -> np.ndarray:
        return (ranking.first() <= k).astype(float)

A name that ends in `@k` is a family: it is asked for as `success@1`, `success@20`, …

Ties are pessimistic: a negative with the same score as a positive stands before it, so that a model
that gives every candidate the same score gets the worst value, not a lucky one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from training.errors import BadConfig
from training.registry import Registry


@dataclass(frozen=True)
class Ranking:
    """Where the positives of Q queries stand among all C candidates; M positives in one flat list.

    Attributes:
        queries: (Q,) row numbers of the score matrix: those that have a positive.
        count: (Q,) how many positives each has; all >= 1, sum M.
        ranks: (M,) rank of each positive, 1 is best; query by query, ascending within a query.
        candidates: C.
    """

    queries: np.ndarray
    count: np.ndarray
    ranks: np.ndarray
    candidates: int

    def __len__(self) -> int:
        return len(self.queries)

    def position(self) -> np.ndarray:
        """(M,) number of the positive among those of its query, from 1."""
        return np.arange(1, len(self.ranks) + 1) - np.repeat(self._starts(), self.count)

    def first(self) -> np.ndarray:
        """(Q,) rank of the best positive."""
        return self.ranks[self._starts()]

    def sum(self, values: np.ndarray) -> np.ndarray:
        """(Q,) sums over the positives of each query of `values` (M,)."""
        return np.add.reduceat(values.astype(np.float64), self._starts()) if len(self) else values

    def _starts(self) -> np.ndarray:
        return np.cumsum(self.count) - self.count


@dataclass(frozen=True)
class Metric:
    """A metric that is ready to use.

    Attributes:
        name: as asked for, with its cut-off: `recall@10`.
        per_query: Ranking of Q queries → (Q,) float; of a family in the registry also `k`.
        aggregate: (Q,) → one number over all queries.
        higher_is_better: False for ranks.
    """

    name: str
    per_query: Callable[..., np.ndarray]
    aggregate: Callable[[np.ndarray], Any]
    higher_is_better: bool


metrics: Registry[Metric] = Registry("metric")


def metric(
    name: str,
    *,
    aggregate: Callable[[np.ndarray], Any] = np.mean,
    higher_is_better: bool = True,
) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    """File a function as the metric `name`; a family `…@k` takes the cut-off as argument `k`."""

    def file(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        metrics.register(name)(Metric(name, function, aggregate, higher_is_better))
        return function

    return file


def find_metric(name: str) -> Metric:
    """The metric of a name such as `mrr` or `recall@10`.

    Raises: BadConfig naming the nearest or known metrics, or if the cut-off is no number >= 1.
    """
    family, at, cutoff = name.partition("@")
    if not at or name in metrics:
        return metrics[name]
    found = metrics[f"{family}@k"]
    if not cutoff.isdecimal() or int(cutoff) < 1:
        raise BadConfig(f"metric {name!r} needs a cut-off of 1 or more", hint=f"e.g. {family}@10")
    per_query = partial(found.per_query, k=int(cutoff))
    return Metric(name, per_query, found.aggregate, found.higher_is_better)


@metric("recall@k")
def recall(ranking: Ranking, k: int) -> np.ndarray:
    """Share of the positives among the first k."""
    return ranking.sum(ranking.ranks <= k) / ranking.count


@metric("mrr")
def reciprocal_rank(ranking: Ranking) -> np.ndarray:
    """1 / rank of the first positive."""
    return 1.0 / ranking.first()


@metric("map")
def average_precision(ranking: Ranking) -> np.ndarray:
    """Mean over the positives of the precision at the rank of each, over the whole ranking."""
    return ranking.sum(ranking.position() / ranking.ranks) / ranking.count


@metric("ndcg@k")
def normalised_gain(ranking: Ranking, k: int) -> np.ndarray:
    """Gain of the first k, discounted by log2(1 + rank), over the best gain that was possible."""
    discount = 1.0 / np.log2(1.0 + ranking.ranks)
    best = np.cumsum(1.0 / np.log2(np.arange(2.0, k + 2.0)))
    return (
        ranking.sum(np.where(ranking.ranks <= k, discount, 0.0))
        / best[np.minimum(ranking.count, k) - 1]
    )


@metric("median_rank", aggregate=np.median, higher_is_better=False)
def first_rank(ranking: Ranking) -> np.ndarray:
    """Rank of the first positive; the median over the queries, where all others take the mean."""
    return ranking.first().astype(np.float64)


def rank_positives(scores: np.ndarray, positives: np.ndarray, *, tolerance: float = 0.0) -> Ranking:
    """Rank the positives of each query among all candidates, ties pessimistic.

    Args:
        scores: (Q, C) floats, no NaN; -inf for what the model can't place (it comes last).
        positives: (Q, C) bool. A query without a positive is left out.
        tolerance: negatives that score up to this much less than a positive count as tied with it.
    Raises: ValueError if the shapes differ or a score is NaN.
    """
    if scores.shape != positives.shape or scores.ndim != 2:
        raise ValueError(f"scores {scores.shape} and positives {positives.shape} must be (Q, C)")
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN: the model has diverged")
    count = positives.sum(axis=1)
    queries = np.flatnonzero(count)
    ranks = [_ranks(scores[row], positives[row], tolerance) for row in queries]
    flat = np.concatenate(ranks) if ranks else np.empty(0, dtype=np.int64)
    return Ranking(queries, count[queries], flat, scores.shape[1])


def score_queries(
    scores: np.ndarray, positives: np.ndarray, names: Sequence[str], *, tolerance: float = 0.0
) -> dict[str, np.ndarray]:
    """Metric name → (Q',) value of each of the Q' queries that have a positive, in row order."""
    ranking = rank_positives(scores, positives, tolerance=tolerance)
    return {name: find_metric(name).per_query(ranking) for name in names}


def summarise(values: dict[str, np.ndarray]) -> dict[str, float]:
    """Metric name → aggregate over the queries; NaN where there is no query."""
    return {
        name: float(find_metric(name).aggregate(each)) if len(each) else float("nan")
        for name, each in values.items()
    }


# Passes over C floats that take as long as sorting them is about C / 150 (measured for C from 1k to
# 100k): with fewer positives, a pass for each is faster.
_CANDIDATES_PER_PASS = 150


def _ranks(scores: np.ndarray, positives: np.ndarray, tolerance: float) -> np.ndarray:
    """(P,) ascending ranks of the P positives among (C,) scores."""
    found = np.sort(scores[positives])[::-1]
    negatives, thresholds = scores[~positives], found - np.asarray(tolerance, scores.dtype)
    if len(found) * _CANDIDATES_PER_PASS < len(scores):
        ahead = np.array([np.count_nonzero(negatives >= each) for each in thresholds])
    else:
        negatives.sort()
        ahead = len(negatives) - np.searchsorted(negatives, thresholds, side="left")
    return ahead + np.arange(1, len(found) + 1)
