"""Bootstrap intervals over people: all figures of a run see the same resamples."""

import numpy as np

from training.evaluation.intervals import Interval

LEVEL, RESAMPLES = 0.95, 1000


class Resamples:
    """P people, drawn with replacement again and again.

    Args:
        people: P.
        seed: of the draws.
        count: how many resamples.
    """

    def __init__(self, people: int, seed: int = 0, count: int = RESAMPLES) -> None:
        random = np.random.default_rng(seed)
        share = np.full(people, 1 / max(1, people))
        self.times = random.multinomial(people, share, size=count).astype(np.float64)

    def mean(self, values: np.ndarray) -> Interval | None:
        """Percentile interval of the mean of (P,) values; NaN is nobody's. None if all are."""
        there = ~np.isnan(values)
        if not there.any():
            return None
        weight = self.times[:, there]
        sums, counts = weight @ values[there], weight.sum(axis=1)
        return _interval(float(values[there].mean()), sums[counts > 0] / counts[counts > 0])

    def difference(self, ours: np.ndarray, other: np.ndarray) -> Interval | None:
        """Of the mean of the differences, person by person: far tighter than two intervals."""
        return self.mean(ours - other)


def _interval(value: float, drawn: np.ndarray) -> Interval:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
