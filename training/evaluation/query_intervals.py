"""Confidence intervals of all metrics of a direction at once, resampled by person."""

from collections.abc import Sequence

import numpy as np

from training.evaluation.intervals import Interval, bootstrap_interval
from training.evaluation.metrics import find_metric
from training.evaluation.retrieval import QueryResults

LEVEL, RESAMPLES = 0.95, 1000
_CELLS = 4_000_000
"""Of the matrix (resamples, queries) that medians are read from, at a time."""


def query_intervals(
    results: QueryResults,
    metrics: Sequence[str] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """Metric → value and interval; the same as `bootstrap_interval` with the people as groups.

    All metrics see the same resamples, which are drawn once: means are one matrix product, medians
    are read from sorted values. Empty if there is no query.

    Args:
        results: of one direction.
        metrics: those wanted; all that there are if None.
        seed: of the resampling.
        resamples: how many samples of people are drawn.
    """
    names = list(results.values if metrics is None else metrics)
    if not len(results):
        return {}
    person = np.unique(results.person, return_inverse=True)[1]
    times = _draws(int(person.max()) + 1, seed, resamples)
    found = {}
    for name in names:
        values, statistic = results.values[name], find_metric(name).aggregate
        if statistic is np.mean:
            drawn = _means(values, person, times)
        elif statistic is np.median:
            drawn = _medians(values, person, times)
        else:
            found[name] = bootstrap_interval(
                values, seed, resamples, groups=results.person, level=LEVEL, statistic=statistic
            )
            continue
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        found[name] = Interval(float(statistic(values)), float(low), float(high))
    return found


def _draws(people: int, seed: int, resamples: int) -> np.ndarray:
    """(R, P) how often each person is in each resample; in the order of `bootstrap_interval`."""
    random = np.random.default_rng(seed)
    times = np.empty((resamples, people), dtype=np.int32)
    for row in times:
        row[:] = np.bincount(random.integers(people, size=people), minlength=people)
    return times


def _means(values: np.ndarray, person: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(R,) mean over the queries of each resample."""
    sums = np.bincount(person, weights=values, minlength=times.shape[1])
    counts = np.bincount(person, minlength=times.shape[1])
    return (times @ sums) / (times @ counts)


def _medians(values: np.ndarray, person: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(R,) median over the queries of each resample, the mean of the middle two where even."""
    order = np.argsort(values, kind="stable")
    ordered, owner = values[order], person[order]
    drawn = []
    for part in np.array_split(times, max(1, len(times) * len(values) // _CELLS)):
        upto = np.cumsum(part[:, owner], axis=1)  # how many of the resample stand up to here
        total = upto[:, -1:]
        middle = [(upto <= place).sum(axis=1) for place in ((total - 1) // 2, total // 2)]
        drawn.append((ordered[middle[0]] + ordered[middle[1]]) / 2)
    return np.concatenate(drawn)
