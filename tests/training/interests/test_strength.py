import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.interests.strength import lifts, percentiles, strengths

# Shares are counts of neighbours: none, or at least one of a billion.
SHARES = arrays(np.float64, (3, 5), elements=st.just(0.0) | st.floats(1e-9, 1))


@settings(deadline=None)
@given(SHARES)
def test_a_hub_tells_nothing_however_near(shares: np.ndarray) -> None:
    np.testing.assert_allclose(strengths(shares[:1], shares[0]), 0, atol=1e-12)


@settings(deadline=None)
@given(SHARES, SHARES)
def test_strength_has_the_sign_of_the_lift(shares: np.ndarray, others: np.ndarray) -> None:
    usual = others.mean(axis=0)
    strong, lift = strengths(shares, usual), lifts(shares, usual)
    assert (strong[(lift > 1) & (shares > 0)] > 0).all()
    assert (strong[(lift < 1) & (shares > 0)] < 0).all()
    assert (strong[shares == 0] == 0).all()


def test_of_two_words_with_the_same_lift_the_commoner_is_stronger() -> None:
    strong = strengths(np.array([[0.4, 0.04]]), np.array([0.1, 0.00925]))
    assert strong[0, 0] > 5 * strong[0, 1] > 0


@settings(deadline=None)
@given(SHARES, SHARES)
def test_percentiles_against_a_slow_count(values: np.ndarray, reference: np.ndarray) -> None:
    slow = (reference[None] < values[:, None]).mean(axis=1)
    np.testing.assert_allclose(percentiles(values, reference), slow, atol=1e-6)


def test_without_a_reference_nobody_is_exceeded() -> None:
    assert percentiles(np.ones((1, 2)), np.empty((0, 2))).tolist() == [[0, 0]]
