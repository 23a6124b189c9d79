import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import adjusted_rand_score

from training.communities.find import LEAST_PEOPLE, group
from training.communities.graph import neighbour_graph
from training.communities.louvain import Louvain, _connected
from training.communities.method import NOBODY, renumbered
from training.errors import BadConfig, BadData


def crowds(each: int = 25, crowds: int = 4, spread: float = 0.35, seed: int = 0):
    """Unit rows around some directions, and which."""
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(crowds), each)
    centres = 3 * np.linalg.qr(random.standard_normal((8, 8)))[0][:crowds]
    points = centres[truth] + 3 * spread * random.standard_normal((len(truth), 8)) / 2
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), truth


@pytest.mark.parametrize("method", ["louvain", "hdbscan"])
def test_crowds_are_found_without_being_told_how_many(method: str) -> None:
    points, truth = crowds()
    found = group(points, method)
    assert found.count == 4
    inside = found.labels != NOBODY
    assert inside.mean() > 0.8
    assert adjusted_rand_score(truth[inside], found.labels[inside]) > 0.95
    assert found.resamples.rand > 0.8
    assert found.seeds > 0.8
    assert (found.recovered > 0.75).all()


def test_the_same_seed_gives_the_same_communities() -> None:
    points, _ = crowds(spread=0.9)
    first, second = group(points, seed=3), group(points, seed=3)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert (first.level, first.seeds, first.resamples) == (
        second.level, second.seeds, second.resamples,
    )  # fmt: skip


def test_without_structure_nothing_is_firm() -> None:
    points = np.random.default_rng(5).standard_normal((120, 30)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    assert group(points).resamples.rand < 0.5
    assert group(crowds()[0]).resamples.score > 3 * group(points).resamples.score


def test_a_given_level_is_kept() -> None:
    points, _ = crowds()
    fine = group(points, level=6.0)
    assert fine.level == 6.0
    assert set(fine.levels) == {6.0}
    assert fine.count > group(points, level=0.5).count


def test_small_groups_are_no_communities() -> None:
    points, _ = crowds(each=12)
    found = group(points, level=12.0, least=6)
    sizes = np.bincount(found.labels[found.labels != NOBODY], minlength=found.count)
    assert (sizes >= 6).all()
    assert (np.diff(sizes) <= 0).all()


def test_too_few_people_and_an_unknown_method() -> None:
    points, _ = crowds()
    with pytest.raises(BadData, match="communities need 8"):
        group(points[: LEAST_PEOPLE - 1])
    with pytest.raises(BadConfig, match="'luvain'") as caught:
        group(points, "luvain")
    assert "louvain" in str(caught.value.hint)


@settings(deadline=None)
@given(arrays(np.int64, st.integers(1, 40), elements=st.integers(-1, 6)), st.integers(1, 5))
def test_renumbering_keeps_who_is_together(labels: np.ndarray, least: int) -> None:
    found = renumbered(labels, least)
    sizes = [int((found == label).sum()) for label in range(found.max() + 1)]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size >= least for size in sizes)
    kept = found != NOBODY
    together = labels[:, None] == labels[None]
    assert ((found[:, None] == found[None])[kept][:, kept] == together[kept][:, kept]).all()
    for label in set(labels.tolist()):
        large = label != NOBODY and (labels == label).sum() >= least
        assert kept[labels == label].all() == large


def test_ties_are_symmetric_and_never_to_oneself() -> None:
    points, truth = crowds()
    ties = neighbour_graph(points).toarray()
    np.testing.assert_allclose(ties, ties.T)
    assert not ties.diagonal().any()
    assert ties.max() <= 1 + 1e-9
    assert ((ties > 0).sum(axis=1) >= 3).all()
    within = truth[:, None] == truth[None]
    assert ties[within].sum() > 5 * ties[~within].sum()


def test_a_graph_of_few_people() -> None:
    points, _ = crowds(each=1)
    assert neighbour_graph(points).shape == (4, 4)


def test_what_falls_apart_inside_is_parted() -> None:
    graph = sparse.block_diag([np.ones((3, 3)), np.ones((2, 2))]).tocsr()
    labels = _connected(graph, np.zeros(5, int))
    assert len(set(labels.tolist())) == 2
    for level in (0.5, 2.0):
        points, _ = crowds(spread=0.8)
        ties = neighbour_graph(points)
        found = Louvain().group(ties, level, 0)
        for label in range(found.max() + 1):
            here = np.flatnonzero(found == label)
            assert connected_components(ties[here][:, here])[0] == 1


def test_more_people_than_hdbscan_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.communities.density._MOST", 60)
    points, truth = crowds(each=30)
    found = group(points, "hdbscan", level=8.0)
    inside = found.labels != NOBODY
    assert inside.mean() > 0.8
    assert adjusted_rand_score(truth[inside], found.labels[inside]) > 0.9
