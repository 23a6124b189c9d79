import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from training.drift.measures import (
    by_person,
    chance_of,
    jensen_shannon,
    kolmogorov_smirnov,
    shares,
    stability_index,
)

COUNTS = st.lists(st.integers(0, 50), min_size=2, max_size=12).filter(any)


@given(first=COUNTS, data=st.data())
def test_measures_agree_with_scipy_and_are_symmetric(first, data):
    second = data.draw(
        st.lists(st.integers(0, 50), min_size=len(first), max_size=len(first)).filter(any)
    )
    p, q = shares(np.array(first)), shares(np.array(second))
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, 2), abs=1e-7)
    values = [np.repeat(np.arange(len(counts)), counts) for counts in (first, second)]
    assert kolmogorov_smirnov(p, q) == pytest.approx(
        ks_2samp(*values, method="asymp").statistic, abs=1e-12
    )
    for measure in (jensen_shannon, kolmogorov_smirnov, stability_index):
        assert measure(p, q) == pytest.approx(measure(q, p), abs=1e-12)
        assert measure(p, p) == pytest.approx(0, abs=1e-7)
        assert measure(p, q) >= 0


def test_the_stability_index_of_a_known_case():
    p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    assert stability_index(p, q) == pytest.approx(-0.25 * np.log(0.5) + 0.25 * np.log(1.5))


def test_chance_is_larger_where_few_people_wrote_everything():
    random = np.random.default_rng(0)

    def chance(people: int) -> float:
        owner = np.arange(2000) % people
        liked = random.integers(2, size=people)  # each person writes about one of two things
        counts = by_person(owner, liked[owner], 2)
        return chance_of(counts, counts, jensen_shannon, resamples=200, seed=0)

    assert chance(10) > 3 * chance(1000)


def test_chance_of_an_empty_side_is_nothing():
    some = by_person(np.array(["a", "b"]), np.array([0, 1]), 2)
    none = by_person(np.array([], dtype=str), np.array([], dtype=int), 2)
    assert chance_of(some, none, jensen_shannon, resamples=20, seed=0) == 0
