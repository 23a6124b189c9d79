"""Bootstrap intervals: against theory, and wider where queries hang together."""

import numpy as np
import pytest

from training.evaluation.intervals import bootstrap_interval


def test_interval_of_a_mean_is_near_the_normal_one():
    values = np.random.default_rng(0).normal(5, 2, size=400)
    interval = bootstrap_interval(values, seed=1, resamples=2000)
    half = 1.96 * values.std() / 20
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_the_seed_decides():
    values = np.random.default_rng(0).random(50)
    first = bootstrap_interval(values, seed=3, resamples=100)
    assert bootstrap_interval(values, seed=3, resamples=100) == first
    assert bootstrap_interval(values, seed=4, resamples=100) != first


def test_queries_of_one_person_are_drawn_together():
    random = np.random.default_rng(0)
    values = np.repeat(random.random(10), 40)
    people = np.repeat(np.arange(10), 40)
    alone = bootstrap_interval(values, resamples=400)
    together = bootstrap_interval(values, resamples=400, groups=people)
    assert together.value == alone.value
    assert together.high - together.low > 4 * (alone.high - alone.low)


def test_other_statistics_and_levels():
    values = np.concatenate([np.ones(99), [1000.0]])
    assert bootstrap_interval(values, resamples=200, statistic=np.median) == (1, 1, 1)
    wide = bootstrap_interval(values, resamples=500, level=0.99)
    narrow = bootstrap_interval(values, resamples=500, level=0.5)
    assert wide.low <= narrow.low < narrow.high <= wide.high


def test_no_value_no_interval():
    with pytest.raises(ValueError, match="one value"):
        bootstrap_interval(np.array([]))
