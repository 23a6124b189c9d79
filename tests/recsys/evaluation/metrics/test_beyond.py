"""Properties of the measures that no library has."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recsys.evaluation.metrics.calibration import category_shares, miscalibration
from recsys.evaluation.metrics.diversity import intra_list_diversity
from recsys.evaluation.metrics.exposure import coverage, exposure, gini, unfairness
from recsys.evaluation.metrics.novelty import novelty

QUICK = settings(max_examples=40, deadline=None)
POSTS = 12
amounts = arrays(float, st.integers(1, 30), elements=st.floats(0, 1e6, allow_subnormal=False))
shown = st.lists(st.integers(0, POSTS - 1), unique=True, min_size=1, max_size=8).map(np.array)
several = st.lists(shown, min_size=1, max_size=6)
authors = arrays(int, POSTS, elements=st.integers(0, 3))


def unit_vectors(seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((POSTS, 5))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@QUICK
@given(amounts, st.integers(0, 9))
def test_gini_is_bounded_and_knows_no_order_or_scale(values, seed):
    figure = gini(values)
    assert 0 <= figure <= (len(values) - 1) / len(values) + 1e-9
    assert gini(np.random.default_rng(seed).permutation(values)) == pytest.approx(figure, abs=1e-9)
    assert gini(values * 3) == pytest.approx(figure, abs=1e-9)


@QUICK
@given(st.floats(0.001, 1000), st.integers(1, 40))
def test_gini_of_equal_amounts_is_0_and_of_one_who_has_all_is_the_greatest(value, count):
    assert gini(np.full(count, value)) == pytest.approx(0, abs=1e-9)
    assert gini(np.eye(count)[0]) == pytest.approx((count - 1) / count)
    assert gini(np.zeros(count)) == 0


@QUICK
@given(several)
def test_exposure_falls_with_rank_and_does_not_care_who_is_asked_first(lists):
    total = exposure(lists, POSTS)
    assert total == pytest.approx(exposure(lists[::-1], POSTS))
    assert total.sum() == pytest.approx(
        sum((1 / np.log2(np.arange(2, len(x) + 2))).sum() for x in lists)
    )
    alone = exposure([lists[0]], POSTS)[lists[0]]
    assert alone[0] == 1 and (np.diff(alone) < 0).all()


@QUICK
@given(several)
def test_coverage_counts_candidates_once(lists):
    everything = np.ones(POSTS, dtype=bool)
    some = everything.copy()
    some[lists[0][0]] = False
    assert coverage(lists, everything) == len(set(np.concatenate(lists).tolist())) / POSTS
    assert 0 <= coverage(lists, some) <= 1
    assert coverage([np.arange(POSTS)], some) == 1


@QUICK
@given(several, arrays(int, POSTS, elements=st.integers(0, 9)), authors)
def test_unfairness_is_bounded_and_0_where_exposure_follows_merit(lists, merit, of):
    exposed = exposure(lists, POSTS)
    figure = unfairness(exposed, merit, of)
    assert np.isnan(figure) or 0 <= figure <= 1 + 1e-9
    if len(set(of.tolist())) > 1:
        assert unfairness(exposed, 2 * exposed, of) == pytest.approx(0, abs=1e-9)
        by_name = unfairness(exposed, merit, of.max() - of)
        assert by_name == pytest.approx(figure, nan_ok=True)
    else:
        assert np.isnan(figure)


def test_unfairness_is_the_share_that_would_have_to_move():
    exposed, merit = np.array([3.0, 1.0]), np.array([1, 1])
    assert unfairness(exposed, merit, np.array([0, 1])) == pytest.approx(0.25)


@QUICK
@given(several, st.integers(0, 5))
def test_diversity_equals_the_mean_over_pairs_and_knows_no_order(lists, seed):
    vectors = unit_vectors(seed)
    figures = intra_list_diversity(lists, vectors)
    for rows, figure in zip(lists, figures, strict=True):
        if len(rows) < 2:
            assert np.isnan(figure)
            continue
        cosines = vectors[rows] @ vectors[rows].T
        pairs = cosines[~np.eye(len(rows), dtype=bool)]
        assert figure == pytest.approx(1 - pairs.mean())
        assert -1e-9 <= figure <= 2
    backwards = intra_list_diversity([rows[::-1] for rows in lists], vectors)
    assert backwards == pytest.approx(figures, nan_ok=True)


def test_posts_that_are_the_same_have_no_diversity():
    assert intra_list_diversity([np.array([0, 1])], np.ones((2, 1)))[0] == pytest.approx(0)


@QUICK
@given(several, arrays(int, POSTS, elements=st.integers(0, 20)))
def test_novelty_is_at_least_0_and_falls_with_likes(lists, likes):
    figures = novelty(lists, likes, 20)
    assert (figures >= 0).all() and (figures <= np.log2(21) + 1e-9).all()
    assert (novelty(lists, np.minimum(likes + 1, 20), 20) <= figures + 1e-9).all()
    assert np.isnan(novelty([np.array([], int)], likes, 20)[0])


@QUICK
@given(shown, shown, st.integers(0, 5))
def test_miscalibration_is_0_for_the_same_mix_and_finite_for_any(history, listed, seed):
    random = np.random.default_rng(seed)
    shares = category_shares([[f"kind{random.integers(3)}"] for _ in range(POSTS)])
    assert miscalibration([history], [history[::-1]], shares)[0] == pytest.approx(0, abs=1e-12)
    figure = miscalibration([history], [listed], shares)[0]
    assert 0 <= figure < np.log(100) + 1e-9


def test_miscalibration_says_nothing_without_categories():
    shares = category_shares([["a"], [], ["a", "b", "b"]])
    assert shares.tolist() == [[1, 0], [0, 0], [0.5, 0.5]]
    listed, past = [np.array([1]), np.array([0])], [np.array([0]), np.array([1])]
    assert np.isnan(miscalibration(past, listed, shares)).all()
