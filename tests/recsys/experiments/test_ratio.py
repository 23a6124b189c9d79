import math
from functools import partial

import numpy as np
import pytest
from scipy import stats

from recsys.experiments.ratio import (
    Ratio,
    bootstrap_interval,
    mean_per_person,
    welch_interval,
)


def people(count, rate, random, exposures=None) -> Ratio:
    """Each person sees some posts and likes them at a rate of their own round `rate`."""
    seen = random.poisson(8, count) + 1 if exposures is None else np.full(count, exposures)
    own = random.beta(2, 2 / rate - 2, count)
    return Ratio(random.binomial(seen, own).astype(float), seen.astype(float))


def test_a_mean_per_person_has_students_interval():
    random = np.random.default_rng(1)
    one, other = random.normal(2, 1, 40), random.normal(3, 4, 25)
    found = welch_interval(mean_per_person(one), mean_per_person(other))
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    alone = mean_per_person(one).interval(0.9)
    expected = stats.ttest_1samp(one, 0).confidence_interval(0.9)
    assert (alone.low, alone.high) == pytest.approx((expected.low, expected.high))


def test_bootstrap_and_delta_method_agree_on_many_people():
    random = np.random.default_rng(2)
    treated, control = people(3000, 0.22, random), people(3000, 0.2, random)
    bootstrap, delta = bootstrap_interval(treated, control), welch_interval(treated, control)
    width = delta.high - delta.low
    assert bootstrap.value == delta.value
    assert abs(bootstrap.low - delta.low) < 0.1 * width
    assert abs(bootstrap.high - delta.high) < 0.1 * width


def test_the_bootstrap_draws_people_as_one_by_one_would():
    random = np.random.default_rng(3)
    treated, control = people(60, 0.3, random), people(50, 0.2, random)

    def slow(ratio: Ratio) -> np.ndarray:
        drawn = random.integers(ratio.people, size=(20_000, ratio.people))
        return ratio.above[drawn].sum(axis=1) / ratio.below[drawn].sum(axis=1)

    low, high = np.quantile(slow(treated) - slow(control), [0.025, 0.975])
    fast = bootstrap_interval(treated, control, resamples=20_000)
    assert fast.low == pytest.approx(low, abs=0.004)
    assert fast.high == pytest.approx(high, abs=0.004)


@pytest.mark.parametrize("interval", [partial(bootstrap_interval, resamples=300), welch_interval])
def test_the_interval_holds_the_truth_as_often_as_it_says(interval):
    random, held, truth = np.random.default_rng(4), 0, 0.3 - 0.2
    trials = 200
    for _ in range(trials):
        treated, control = people(150, 0.3, random), people(150, 0.2, random)
        found = interval(treated, control)
        held += found.low <= truth <= found.high
    assert 0.9 <= held / trials <= 0.99


def test_people_who_differ_make_exposures_a_wrong_unit():
    """The same rate from the same exposures is far less sure if a few people made them all."""
    random = np.random.default_rng(5)
    seen, liked = np.full(50, 100.0), random.binomial(100, random.beta(0.4, 0.4, 50))
    by_people = Ratio(liked.astype(float), seen).interval()
    by_exposures = 1.96 * math.sqrt(0.25 / 5000)
    assert by_people.high - by_people.value > 5 * by_exposures


def test_no_people_no_interval():
    nobody, one = mean_per_person(np.zeros(0)), mean_per_person(np.ones(1))
    for pair in ((nobody, one), (one, one)):
        for found in (bootstrap_interval(*pair), welch_interval(*pair)):
            assert math.isnan(found.low) and math.isnan(found.high)
    assert math.isnan(nobody.value)


def test_people_who_are_all_alike_leave_no_doubt():
    same = mean_per_person(np.full(9, 2.0))
    assert welch_interval(same, same).low == welch_interval(same, same).high == 0
    assert bootstrap_interval(same, same).high == 0
