import math

import numpy as np
import pytest
from scipy.stats import binomtest

from recsys.experiments.caution import MISMATCH, anytime_interval, detectable, mismatch, needed
from recsys.experiments.ratio import mean_per_person, welch_interval

HALVES = {"a": 1.0, "b": 1.0}


def test_a_fair_split_is_believed_and_a_lossy_one_is_not():
    assert mismatch({"a": 5000, "b": 5040}, HALVES) > 0.5
    assert mismatch({"a": 5000, "b": 4600}, HALVES) < MISMATCH
    assert mismatch({"a": 9000, "b": 1000}, {"a": 9, "b": 1}) == pytest.approx(1)
    assert mismatch({"a": 100}, HALVES) < MISMATCH  # the other variant never answered
    assert mismatch({}, HALVES) == 1


def test_the_chi_square_of_two_is_near_the_exact_test():
    exact = binomtest(540, 1000).pvalue
    assert mismatch({"a": 540, "b": 460}, HALVES) == pytest.approx(exact, abs=0.005)


def test_the_detectable_difference_is_found_four_times_in_five():
    random, found, trials = np.random.default_rng(0), 0, 400
    rule = detectable(*(mean_per_person(random.normal(0, 1, 5000)) for _ in range(2)))
    difference = rule * math.sqrt(5000 / 200)
    for _ in range(trials):
        treated = mean_per_person(random.normal(difference, 1, 200))
        interval = welch_interval(treated, mean_per_person(random.normal(0, 1, 200)))
        found += interval.low > 0
    assert 0.74 < found / trials < 0.86


def test_half_the_difference_needs_four_times_the_people():
    random = np.random.default_rng(1)
    pair = [mean_per_person(random.normal(0, 1, 1000)) for _ in range(2)]
    now = detectable(*pair)
    assert needed(*pair, now) == pytest.approx(1000, abs=1)
    assert needed(*pair, now / 2) == pytest.approx(4000, abs=1)
    assert needed(*pair, 0) is None


def test_who_looks_daily_is_misled_by_the_usual_interval_and_not_by_this_one():
    """No true difference; 40 looks while people come in; how often does one leave out 0?"""
    random, trials = np.random.default_rng(2), 150
    usual = anytime = 0
    for _ in range(trials):
        one, other = random.normal(0, 1, (2, 2000))
        looks = [
            (mean_per_person(one[:count]), mean_per_person(other[:count]))
            for count in range(50, 2001, 50)
        ]
        usual += any(_leaves_out_0(welch_interval(*look)) for look in looks)
        anytime += any(_leaves_out_0(anytime_interval(*look, planned=4000)) for look in looks)
    assert usual / trials > 0.2
    assert anytime / trials <= 0.05


def test_the_price_of_looking_at_any_time_is_bounded():
    random = np.random.default_rng(3)
    pair = [mean_per_person(random.normal(0, 1, 1000)) for _ in range(2)]
    usual, anytime = welch_interval(*pair), anytime_interval(*pair)
    ratio = (anytime.high - anytime.low) / (usual.high - usual.low)
    assert 1.2 < ratio < 1.8


def _leaves_out_0(interval) -> bool:
    return not interval.low <= 0 <= interval.high
