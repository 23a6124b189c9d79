import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.evaluation.metrics.accuracy import MEASURES, accuracy
from training.errors import BadConfig
from training.evaluation.metrics import score_queries

QUICK = settings(max_examples=25, deadline=None)
lists = st.lists(st.integers(0, 30), unique=True, max_size=25).map(lambda rows: np.array(rows, int))
wanted = st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=12).map(np.array)


def test_a_perfect_list_is_worth_one_and_an_empty_one_nothing():
    found = accuracy([np.array([4, 7]), np.array([], int)], [np.array([7, 4]), np.array([1])])
    for name in MEASURES:
        assert found[name].tolist() == [1.0, 0.0]


def test_all_lists_may_be_empty():
    assert accuracy([np.array([], int)], [np.array([1])])["map"].tolist() == [0.0]


@QUICK
@given(wanted)
def test_whole_rankings_are_measured_as_training_measures_them(positives):
    """The library and our own metrics of the embedding models agree."""
    order = np.random.default_rng(0).permutation(31)
    scores, hits = np.zeros((1, 31)), np.zeros((1, 31), dtype=bool)
    scores[0, order] = -np.arange(31.0)
    hits[0, positives] = True
    ours = score_queries(scores, hits, ("ndcg@10", "recall@20", "mrr", "map"))
    library = accuracy([order], [positives])
    for name, values in ours.items():
        assert library[name] == pytest.approx(values, abs=1e-9)


@QUICK
@given(lists, wanted)
def test_values_lie_between_0_and_1_and_numbers_of_posts_do_not_matter(shown, positives):
    renamed = np.random.default_rng(1).permutation(31)
    first = accuracy([shown], [positives])
    second = accuracy([renamed[shown]], [renamed[positives]])
    for name in MEASURES:
        assert 0 <= first[name][0] <= 1
        assert first[name] == pytest.approx(second[name])


def test_mistakes_are_told():
    with pytest.raises(BadConfig, match="unknown measure 'precision@5'"):
        accuracy([np.array([1])], [np.array([1])], ("precision@5",))
    with pytest.raises(BadConfig, match="needs a cut-off"):
        accuracy([np.array([1])], [np.array([1])], ("ndcg",))
    with pytest.raises(ValueError, match="without a positive"):
        accuracy([np.array([1])], [np.array([], int)])
    with pytest.raises(ValueError, match="1 lists for 2 people"):
        accuracy([np.array([1])], [np.array([1]), np.array([1])])


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setattr("recsys.evaluation.metrics.accuracy.find_spec", lambda name: None)
    with pytest.raises(BadConfig, match="needs the package ir-measures"):
        accuracy([np.array([1])], [np.array([1])])
