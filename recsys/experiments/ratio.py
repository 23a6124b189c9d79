"""A ratio of sums over people, and how sure it and a difference of two are.

People are what an experiment draws, so people are the unit of every interval: exposures of one
person are alike, and intervals that took them for independent would be too narrow. A mean per
person is the ratio whose denominators are 1.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

_CELLS = 4_000_000
"""Counts that a bootstrap holds at once."""


@dataclass(frozen=True)
class Interval:
    """A figure and between what it lies."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ratio:
    """What people of one variant add up to.

    Attributes:
        above: (P,) float, a person's sum of what is counted.
        below: (P,) float ≥ 0, a person's sum of what it is counted by.
    """

    above: np.ndarray
    below: np.ndarray

    @property
    def people(self) -> int:
        """P."""
        return len(self.above)

    @property
    def value(self) -> float:
        """Sum over sum; NaN without people."""
        below = float(self.below.sum())
        return float(self.above.sum()) / below if below > 0 else math.nan

    @property
    def variance(self) -> float:
        """Of the value, by the delta method; NaN with fewer than two people.

        For denominators of 1 the usual variance of a mean. Source: Deng, Knoblich and Lu, Applying
        the Delta Method in Metric Analytics (2018, arXiv 1803.06336).
        """
        if self.people < 2 or self.below.sum() <= 0:
            return math.nan
        residual = (self.above - self.value * self.below) / self.below.mean()
        return float(residual.var(ddof=1)) / self.people

    def interval(self, level: float = 0.95) -> Interval:
        """By Student's t over people; NaN bounds with fewer than two people."""
        reach = _student(level, self.people - 1) * math.sqrt(self.variance)
        return Interval(self.value, self.value - reach, self.value + reach)


def mean_per_person(sums: np.ndarray) -> Ratio:
    """A (P,) sum per person as a ratio."""
    return Ratio(sums, np.ones(len(sums)))


def standard_error(treated: Ratio, control: Ratio) -> float:
    """Of the difference of two variants, whose people are different ones."""
    return math.sqrt(treated.variance + control.variance)


def welch_interval(treated: Ratio, control: Ratio, level: float = 0.95) -> Interval:
    """Treated minus control by Welch's unequal variances; for ratios over the delta method.

    Source: Welch, The generalization of Student's problem (Biometrika 1947).
    """
    difference = treated.value - control.value
    one, other = treated.variance, control.variance
    if not one + other > 0:  # NaN, or nobody differs from anybody
        reach = 0.0 if one + other == 0 else math.nan
        return Interval(difference, difference - reach, difference + reach)
    freedom = (one + other) ** 2 / (one**2 / (treated.people - 1) + other**2 / (control.people - 1))
    reach = _student(level, freedom) * math.sqrt(one + other)
    return Interval(difference, difference - reach, difference + reach)


def bootstrap_interval(
    treated: Ratio,
    control: Ratio,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Treated minus control by a percentile bootstrap over the people of each.

    Args:
        treated: one variant's people.
        control: another's.
        level: coverage, in (0, 1).
        resamples: how many samples are drawn.
        seed: of the draws; the same data and seed give the same interval.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
    """
    difference = treated.value - control.value
    if treated.people < 2 or control.people < 2:
        return Interval(difference, math.nan, math.nan)
    random = np.random.default_rng(seed)
    drawn = _resampled(treated, resamples, random) - _resampled(control, resamples, random)
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(difference, float(low), float(high))


def _resampled(ratio: Ratio, resamples: int, random: np.random.Generator) -> np.ndarray:
    """(resamples,) values of samples with replacement.

    Most people have the same few figures, so equal ones are drawn together: that many of each,
    multinomially, is the same draw and takes far less time.
    """
    pairs = np.stack([ratio.above, ratio.below], axis=1)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    shares = counts / counts.sum()
    values = np.empty(resamples)
    step = max(1, _CELLS // len(kinds))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        sums = random.multinomial(ratio.people, shares, size=size) @ kinds
        with np.errstate(invalid="ignore", divide="ignore"):  # a sample without exposures: NaN
            values[start : start + size] = sums[:, 0] / sums[:, 1]
    return values


def _student(level: float, freedom: float) -> float:
    return float(stats.t.ppf((1 + level) / 2, freedom)) if freedom > 0 else math.nan
