"""What keeps a report from being believed too early: wrong splits, small samples, many looks."""

import math
from collections.abc import Mapping

from scipy import stats

from recsys.experiments.ratio import Interval, Ratio, standard_error

MISMATCH = 0.001
"""A split less likely than this is taken for a fault and not for chance, as is usual."""


def mismatch(counts: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """How likely a split as uneven as this is, if people are drawn by the weights.

    A small value (see `MISMATCH`) says that people of a variant got lost or were counted twice;
    then no other figure of the experiment means anything.

    Args:
        counts: people by variant; a variant of `weights` that isn't there counts 0.
        weights: of the variants, above 0.
    Returns: p-value of the chi-square test; 1 without people.
    Source: Fabijan et al., Diagnosing Sample Ratio Mismatch in Online Controlled Experiments
        (KDD 2019).
    """
    observed = [counts.get(name, 0) for name in weights]
    total, whole = sum(observed), sum(weights.values())
    if total == 0 or len(weights) < 2:
        return 1.0
    expected = [total * weight / whole for weight in weights.values()]
    return float(stats.chisquare(observed, expected).pvalue)


def detectable(treated: Ratio, control: Ratio, level: float = 0.95, power: float = 0.8) -> float:
    """The smallest true difference that as many people as now would show, in the ratio's units.

    Args:
        treated: one variant's people.
        control: another's.
        level: of the two-sided interval that must leave out 0.
        power: how often it shall do so.
    Source: Kohavi, Tang and Xu, Trustworthy Online Controlled Experiments (2020), chapter 17.
    """
    reach = stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power)
    return float(reach) * standard_error(treated, control)


def needed(treated: Ratio, control: Ratio, difference: float) -> int | None:
    """People per variant to see such a difference, with level .95 and power .8; None if unknown."""
    now = detectable(treated, control)
    if not now > 0 or not difference:
        return None
    # variance over people is what it is; the detectable difference falls by the root of people
    return math.ceil(min(treated.people, control.people) * (now / abs(difference)) ** 2)


def anytime_interval(
    treated: Ratio, control: Ratio, planned: int | None = None, level: float = 0.95
) -> Interval:
    """Treated minus control by an interval that holds at all looks together.

    Who looks every day and stops at the first interval that leaves out 0 is wrong far more often
    than one in twenty with the usual interval. With this one, which is wider, one may.

    Args:
        treated: one variant's people.
        control: another's.
        planned: people of both together at which it shall be tightest; as many as now if None.
        level: coverage over all looks, in (0, 1).
    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and
        asymptotic confidence sequences (2021, arXiv 2103.06476), theorem 2.2, with their ρ for the
        size at which it is to be tightest.
    """
    difference, count = treated.value - control.value, treated.people + control.people
    error, alpha = standard_error(treated, control), 1 - level
    if count == 0:
        return Interval(difference, math.nan, math.nan)
    log = -2 * math.log(alpha)
    square = (log + math.log(log + 1)) / (planned or count)
    scaled = count * square
    reach = error * math.sqrt(2 * (scaled + 1) / scaled * math.log(math.sqrt(scaled + 1) / alpha))
    return Interval(difference, difference - reach, difference + reach)
