import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from training.communities.louvain import Louvain
from training.communities.method import NOBODY
from training.communities.stability import ABSENT, agreement, recovery, resampled

LABELS = arrays(np.int64, 30, elements=st.integers(-1, 4))


@settings(deadline=None)
@given(LABELS, LABELS)
def test_rand_is_that_of_scikit_learn(first: np.ndarray, second: np.ndarray) -> None:
    assert agreement([first, second]).rand == pytest.approx(adjusted_rand_score(first, second))


@settings(deadline=None)
@given(LABELS, LABELS)
def test_information_has_the_sign_of_adjusted_mutual_information(first, second) -> None:
    found = agreement([first, second]).information
    adjusted = adjusted_mutual_info_score(first, second)
    assert found >= 0
    if adjusted > 0.05 and len(set(first)) > 1:
        assert found > 0


@settings(deadline=None)
@given(LABELS, st.permutations(range(5)))
def test_names_of_groups_mean_nothing(labels: np.ndarray, names: list[int]) -> None:
    renamed = np.where(labels >= 0, np.array(names)[labels], labels)
    assert agreement([labels, renamed]).rand == pytest.approx(1)


def test_only_people_in_both_are_compared() -> None:
    first = np.array([0, 0, 1, 1, ABSENT, ABSENT])
    second = np.array([1, 1, 0, 0, 1, 0])
    assert agreement([first, second]).rand == 1
    assert agreement([first, second]).score == pytest.approx(
        agreement([first[:4], second[:4]]).score
    )


def test_one_grouping_agrees_with_nothing() -> None:
    assert agreement([np.arange(5)]).score == 0


def slow_recovery(labels, groupings) -> list[float]:
    found = []
    for community in range(labels.max() + 1):
        best = []
        for grouping in groupings:
            drawn = {i for i in range(len(labels)) if grouping[i] != ABSENT}
            ours = {i for i in drawn if labels[i] == community}
            groups = [
                {i for i in drawn if grouping[i] == g} for g in set(grouping.tolist()) - {-1, -2}
            ]
            best.append(max([len(ours & g) / len(ours | g) for g in groups], default=0.0))
        found.append(float(np.mean(best)))
    return found


@settings(deadline=None)
@given(
    arrays(np.int64, 20, elements=st.integers(-1, 3)),
    st.lists(arrays(np.int64, 20, elements=st.integers(-2, 4)), min_size=1, max_size=3),
)
def test_recovery_against_sets(labels: np.ndarray, groupings: list[np.ndarray]) -> None:
    np.testing.assert_allclose(recovery(labels, groupings), slow_recovery(labels, groupings))


def test_what_is_found_again_is_stable_and_what_dissolves_is_not() -> None:
    labels = np.repeat([0, 1], 20)
    dissolved = np.concatenate([np.zeros(20, int), np.arange(20) + 1])
    firm, loose = recovery(labels, [dissolved])
    assert firm == 1
    assert loose == pytest.approx(1 / 20)


def test_resamples_hold_four_fifths_and_differ() -> None:
    points = np.random.default_rng(0).standard_normal((50, 4))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    found = resampled(points, Louvain(), [1.0, 2.0], rounds=3, seed=1)
    assert set(found) == {1.0, 2.0}
    drawn = [labels != ABSENT for labels in found[1.0]]
    assert [each.sum() for each in drawn] == [40, 40, 40]
    assert not (drawn[0] == drawn[1]).all()
    for low, high in zip(found[1.0], found[2.0], strict=True):
        np.testing.assert_array_equal(low == ABSENT, high == ABSENT)
    assert all((labels[labels != ABSENT] >= NOBODY).all() for labels in found[2.0])
