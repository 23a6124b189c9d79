"""Bootstrap confidence intervals over queries, or over the people behind them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A percentile interval around a statistic of the sample."""

    value: float
    low: float
    high: float


def bootstrap_interval(
    values: np.ndarray,
    seed: int = 0,
    resamples: int = 1000,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    statistic: Callable[[np.ndarray], Any] = np.mean,
) -> Interval:
    """Percentile bootstrap of a statistic over per-query values.

    For two models on the same queries pass the differences: that interval is paired and far tighter
    than a comparison of two intervals.

    Args:
        values: (Q,) float.
        seed: of the resampling.
        resamples: how many samples are drawn.
        groups: (Q,) int, or None. Queries of one group (the posts of one person) aren't
            independent; whole groups are then drawn, which gives wider, honest intervals.
        level: coverage, in (0, 1).
        statistic: (n,) → number; np.mean, or np.median for median_rank.
    Raises: ValueError if there is no value.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
    """
    if len(values) == 0:
        raise ValueError("an interval needs one value at least")
    units = np.arange(len(values)) if groups is None else np.unique(groups, return_inverse=True)[1]
    number = int(units.max()) + 1
    random = np.random.default_rng(seed)
    drawn = np.empty(resamples)
    for i in range(resamples):
        times = np.bincount(random.integers(number, size=number), minlength=number)
        drawn[i] = statistic(np.repeat(values, times[units]))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(values)), float(low), float(high))
