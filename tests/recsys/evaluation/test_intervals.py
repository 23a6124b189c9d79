import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recsys.evaluation.intervals import Resamples
from training.evaluation.intervals import bootstrap_interval

values = arrays(float, st.integers(2, 20), elements=st.floats(-1, 1))


@settings(max_examples=30, deadline=None)
@given(values)
def test_an_interval_holds_its_mean_and_knows_no_noise_of_its_own(each):
    resamples = Resamples(len(each), count=200)
    found = resamples.mean(each)
    assert found is not None
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9
    assert resamples.difference(each, each) == pytest.approx((0, 0, 0))
    assert resamples.mean(each) == found


def test_it_agrees_with_the_plain_bootstrap():
    each = np.random.default_rng(0).normal(size=200)
    ours, plain = Resamples(200).mean(each), bootstrap_interval(each)
    assert ours is not None
    assert ours.value == pytest.approx(plain.value)
    assert ours.low == pytest.approx(plain.low, abs=0.02)
    assert ours.high == pytest.approx(plain.high, abs=0.02)


def test_those_who_say_nothing_are_left_out():
    found = Resamples(3).mean(np.array([1.0, np.nan, 1.0]))
    assert found == (1.0, 1.0, 1.0)
    assert Resamples(2).mean(np.array([np.nan, np.nan])) is None
