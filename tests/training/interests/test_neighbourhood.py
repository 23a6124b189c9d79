import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.interests.neighbourhood import nearest, neighbourhoods


def unit(count: int, seed: int, width: int = 6) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 99), st.data())
def test_nearest_equals_a_full_sort(queries: int, candidates: int, seed: int, data) -> None:
    count = data.draw(st.integers(1, candidates))
    asked, pool = unit(queries, seed), unit(candidates, seed + 1)
    rows, scores = nearest(asked, pool, count)
    slow = np.sort(asked @ pool.T, axis=1)[:, ::-1][:, :count]
    np.testing.assert_allclose(scores, slow, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(asked @ pool.T, rows, axis=1), slow, atol=1e-5)


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, pool = unit(50, 0), unit(30, 1)
    without = np.where(np.arange(50) % 3 == 0, np.arange(50) % 30, -1)
    whole = nearest(asked, pool, 5, without=without)
    monkeypatch.setattr("training.interests.neighbourhood._SCORES_AT_ONCE", 100)
    rows, scores = nearest(asked, pool, 5, without=without)
    np.testing.assert_array_equal(rows, whole[0])
    np.testing.assert_allclose(scores, whole[1], atol=1e-6)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 99))
def test_weights_fall_and_sum_to_one(candidates: int, seed: int) -> None:
    near = neighbourhoods(unit(7, seed), unit(candidates, seed + 1))
    np.testing.assert_allclose(near.weights.sum(axis=1), 1, atol=1e-5)
    assert (near.weights >= 0).all()
    assert (np.diff(near.weights, axis=1) <= 1e-6).all()
    assert near.matrix().shape == (7, candidates)


def test_the_left_out_one_counts_nothing() -> None:
    points = unit(30, 2)
    near = neighbourhoods(points, points, without=np.arange(30))
    assert near.matrix().diagonal().sum() == 0
    there = neighbourhoods(points, points, without=np.full(30, -1))
    assert (there.matrix().diagonal() > 0).all()


def test_a_lonely_post_has_nobody_around() -> None:
    point = unit(1, 3)
    near = neighbourhoods(point, point, without=np.array([0]))
    assert np.isfinite(near.weights).all()
    assert near.weights.sum() == 0


def test_all_as_near_count_the_same() -> None:
    point = unit(1, 5)
    near = neighbourhoods(point, np.repeat(point, 9, axis=0))
    np.testing.assert_allclose(near.weights, 1 / 3)


def test_the_mean_is_weighted() -> None:
    points, values = unit(20, 6), np.random.default_rng(0).random((20, 3))
    near = neighbourhoods(points[:4], points)
    slow = [
        sum(w * values[row] for row, w in zip(near.rows[q], near.weights[q], strict=True))
        for q in range(4)
    ]
    np.testing.assert_allclose(near.mean(values), slow, rtol=1e-5)
