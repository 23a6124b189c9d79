"""Metrics against ir-measures, and ties against a slow reference that anybody can read."""

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, R, nDCG

from training.errors import BadConfig
from training.evaluation import metrics as metrics_module
from training.evaluation.metrics import (
    Ranking,
    find_metric,
    metric,
    metrics,
    rank_positives,
    score_queries,
    summarise,
)

THEIRS = {
    "map": AP,
    "mrr": RR,
    "ndcg@10": nDCG @ 10,
    "recall@1": R @ 1,
    "recall@5": R @ 5,
    "recall@10": R @ 10,
}
NAMES = (*THEIRS, "median_rank")
WORST_WAYS = settings(max_examples=60, deadline=None)


@st.composite
def rankings(draw):
    """Scores from few levels (many ties) or many (few), and positives from none to all."""
    queries, candidates = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([1, 2, 5, 10_000]))
    scores = random.integers(levels, size=(queries, candidates)) / levels - 0.5
    positives = random.random((queries, candidates)) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    return scores.astype(np.float32), positives


def pessimistic_order(scores, positives):
    """Candidates best first; of equal scores the negatives first."""
    return sorted(range(len(scores)), key=lambda c: (-scores[c], positives[c]))


def slow_ranks(scores, positives):
    order = pessimistic_order(scores, positives)
    return [place for place, c in enumerate(order, start=1) if positives[c]]


@WORST_WAYS
@given(rankings())
def test_ranks_equal_the_slow_reference(case):
    scores, positives = case
    ranking = rank_positives(scores, positives)
    expected = [slow_ranks(s, p) for s, p in zip(scores, positives, strict=True) if p.any()]
    assert ranking.queries.tolist() == np.flatnonzero(positives.any(axis=1)).tolist()
    assert ranking.ranks.tolist() == [rank for ranks in expected for rank in ranks]
    assert ranking.first().tolist() == [ranks[0] for ranks in expected]
    assert ranking.position().tolist() == [i + 1 for ranks in expected for i in range(len(ranks))]


@WORST_WAYS
@given(rankings())
def test_values_equal_ir_measures(case):
    """It is given our order (ties resolved pessimistically), as it knows none of its own."""
    scores, positives = case
    ours = score_queries(scores, positives, list(THEIRS))
    for number, query in enumerate(np.flatnonzero(positives.any(axis=1))):
        order = pessimistic_order(scores[query], positives[query])
        run = [ir_measures.ScoredDoc("q", str(c), -float(i)) for i, c in enumerate(order)]
        truth = [ir_measures.Qrel("q", str(c), 1) for c in np.flatnonzero(positives[query])]
        theirs = ir_measures.calc_aggregate(THEIRS.values(), truth, run)
        for name, measure in THEIRS.items():
            assert ours[name][number] == pytest.approx(theirs[measure], abs=1e-9), name


def test_counting_and_sorting_give_the_same_ranks(monkeypatch):
    random = np.random.default_rng(0)
    scores = random.integers(50, size=(20, 300)).astype(np.float32)
    positives = random.random((20, 300)) < 0.2
    ranks = []
    for candidates_per_pass in (0, 10**9):
        monkeypatch.setattr(metrics_module, "_CANDIDATES_PER_PASS", candidates_per_pass)
        ranks.append(rank_positives(scores, positives).ranks.tolist())
    assert ranks[0] == ranks[1]


def test_constant_scores_give_the_worst_value():
    positives = np.zeros((3, 50), dtype=bool)
    positives[[0, 1, 2, 2], [0, 49, 3, 30]] = True
    values = score_queries(np.zeros((3, 50), np.float32), positives, NAMES)
    assert values["median_rank"].tolist() == [50, 50, 49]
    assert values["mrr"].tolist() == [1 / 50, 1 / 50, 1 / 49]
    for name in ("recall@1", "recall@10", "ndcg@10"):
        assert not values[name].any()


def test_tolerance_counts_close_scores_as_ties():
    scores = np.array([[0.5, 0.5 - 4e-7, 0.4]], dtype=np.float32)
    positives = np.array([[True, False, False]])
    assert rank_positives(scores, positives).first() == [1]
    assert rank_positives(scores, positives, tolerance=1e-6).first() == [2]


def test_what_is_not_placed_comes_last():
    scores = np.array([[-np.inf, 0.1, -np.inf], [-np.inf] * 3], dtype=np.float32)
    positives = np.array([[True, False, False], [False, True, False]])
    assert rank_positives(scores, positives, tolerance=1e-6).first().tolist() == [3, 3]


def test_a_query_without_positives_is_left_out():
    scores = np.array([[0.1, 0.9], [0.9, 0.1]])
    values = score_queries(scores, np.array([[False, False], [True, False]]), NAMES)
    assert {name: each.tolist() for name, each in values.items()} == {name: [1.0] for name in NAMES}


def test_without_any_query_the_summary_is_nan():
    values = score_queries(np.zeros((2, 3)), np.zeros((2, 3), dtype=bool), NAMES)
    assert all(np.isnan(value) for value in summarise(values).values())


def test_median_rank_is_a_median_and_the_others_are_means():
    values = {"mrr": np.array([1.0, 0.5, 0.0]), "median_rank": np.array([1.0, 2.0, 90.0])}
    assert summarise(values) == {"mrr": 0.5, "median_rank": 2.0}
    assert not find_metric("median_rank").higher_is_better


@pytest.mark.parametrize("name", ["recal@10", "recall@0", "recall@ten", "recall@", "mpa"])
def test_an_unknown_metric_or_cutoff_is_named(name):
    with pytest.raises(BadConfig, match=name.partition("@")[0]):
        find_metric(name)


def test_a_metric_is_added_with_one_decorator(monkeypatch):
    monkeypatch.setattr(metrics, "_entries", dict(metrics._entries))

    @metric("success@k")
    def success(ranking: Ranking, k: int) -> np.ndarray:
        return (ranking.first() <= k).astype(float)

    scores, positives = np.array([[0.3, 0.2, 0.1]]), np.array([[False, True, True]])
    values = score_queries(scores, positives, ["success@1", "success@2"])
    assert (values["success@1"], values["success@2"]) == ([0.0], [1.0])


@pytest.mark.parametrize(
    ("scores", "positives", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4), dtype=bool), "must be"),
        (np.array([[0.1, np.nan]]), np.array([[True, False]]), "NaN"),
    ],
)
def test_bad_input_is_refused(scores, positives, message):
    with pytest.raises(ValueError, match=message):
        rank_positives(scores, positives)
