import math
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from training.errors import BadData, Conflict, NotFound
from training.tracking.config import GateConfig
from training.tracking.gate import champion_of, consider, decide, promote, rollback
from training.tracking.versions import ModelVersion, show_model

OTHER = "e" * 64


def version(number: int, score: float) -> ModelVersion:
    return ModelVersion(
        number, (), {"mrr": score}, "d", "validation", "r", None, None, "", datetime.now(UTC),
        None, None, None, "m", "s", "f",
    )  # fmt: skip


SCORES = st.floats(-2, 2) | st.sampled_from([math.nan, math.inf, -math.inf, 0.5])
LEAST = st.sampled_from([0.0, 0.01, 0.5])


@given(score=SCORES, other=SCORES, least=LEAST, larger=st.booleans())
def test_only_a_better_finite_score_moves_the_alias(score, other, least, larger):
    gate = GateConfig(metric="mrr", minimum_improvement=least, larger_is_better=larger)
    decision = decide(gate, version(2, score), version(1, other), other)
    gain = score - other if larger else other - score
    expected = math.isfinite(score) and math.isfinite(other) and gain > 0 and gain >= least
    assert decision.promoted == expected
    assert decision.reason


@given(score=SCORES, larger=st.booleans())
def test_nothing_beats_itself(score, larger):
    gate = GateConfig(metric="mrr", larger_is_better=larger)
    assert not decide(gate, version(2, score), version(1, score), score).promoted
    assert not decide(gate, version(1, score), version(1, score), score).promoted


@given(score=SCORES)
def test_the_first_champion_needs_only_a_number(score):
    gate = GateConfig(metric="mrr")
    assert decide(gate, version(1, score), None, None).promoted == math.isfinite(score)


@given(a=st.floats(-2, 2), b=st.floats(-2, 2), least=LEAST)
def test_two_versions_never_beat_each_other(a, b, least):
    assume(a != b)
    gate = GateConfig(metric="mrr", minimum_improvement=least)
    one = decide(gate, version(1, a), version(2, b), b).promoted
    other = decide(gate, version(2, b), version(1, a), a).promoted
    assert not (one and other)


def test_the_champion_is_the_best_so_far(tracking, registered):
    for number, score, champion in [(1, 0.2, 1), (2, 0.1, 1), (3, 0.2, 1), (4, 0.3, 4)]:
        registered(score)
        decision = consider(tracking, number)
        assert decision.promoted == (champion == number)
        assert champion_of(tracking).version == champion
        model = show_model(tracking, number)
        assert model.decision == ("promoted" if decision.promoted else "kept")
        assert model.reason == decision.reason
    assert "not better" in show_model(tracking, 3).reason
    assert show_model(tracking, 4).previous == 1


def test_asking_again_changes_nothing(tracking, registered):
    registered(0.2)
    first = consider(tracking, 1)
    again = consider(tracking, 1)
    assert not again.promoted
    assert "already" in again.reason
    assert show_model(tracking, 1).reason == first.reason


def test_other_data_needs_the_champion_measured_again(tracking, registered):
    registered(0.9)
    consider(tracking, 1)
    registered(0.3, digest=OTHER)
    decision = consider(tracking, 2)
    assert not decision.promoted
    assert "other data" in decision.reason
    asked = []

    def measure(uri: str) -> float:
        asked.append(uri)
        return 0.25

    decision = consider(tracking, 2, evaluate_champion=measure)
    assert decision.promoted
    assert decision.champion_score == 0.25
    assert asked == ["models:/commonspace/1"]


def test_the_same_data_split_otherwise_is_other_data(tracking, registered):
    registered(0.1)
    consider(tracking, 1)
    registered(0.9, split="test")
    assert not consider(tracking, 2).promoted


def test_a_champion_that_can_not_be_measured_stays(tracking, registered):
    registered(0.1)
    consider(tracking, 1)
    registered(0.9, digest=OTHER)

    def fails(uri: str) -> float:
        raise BadData("format 0")

    decision = consider(tracking, 2, evaluate_champion=fails)
    assert not decision.promoted
    assert "format 0" in decision.reason
    with pytest.raises(ZeroDivisionError):
        consider(tracking, 2, evaluate_champion=lambda uri: 1 / 0)
    assert not consider(tracking, 2, evaluate_champion=lambda uri: math.nan).promoted
    assert champion_of(tracking).version == 1


def test_a_champion_that_changes_meanwhile_is_compared_with(tracking, registered):
    registered(0.1)
    consider(tracking, 1)
    registered(0.5, digest=OTHER)
    registered(0.8, digest=OTHER)

    def another_gate_moves_first(uri: str) -> float:
        promote(tracking, 3, reason="meanwhile")
        return 0.1

    decision = consider(tracking, 2, evaluate_champion=another_gate_moves_first)
    assert not decision.promoted
    assert decision.champion == 3
    assert champion_of(tracking).version == 3
    assert show_model(tracking, 2).previous is None


def test_a_candidate_without_the_metric_is_an_error(tracking, registered):
    registered(0.1)
    tracking.config = tracking.config.model_copy(update={"gate": GateConfig(metric="recall@10")})
    with pytest.raises(BadData, match=r"recall_at_10.*it has validation/mrr"):
        consider(tracking, 1)


def test_rollback_goes_back_step_by_step(tracking, registered):
    for number, score in [(1, 0.1), (2, 0.2), (3, 0.3)]:
        registered(score)
        assert consider(tracking, number).promoted
    assert rollback(tracking, reason="bad on phones").version == 2
    assert show_model(tracking, 3).reason == "bad on phones"
    assert rollback(tracking).version == 1
    with pytest.raises(Conflict, match="first champion"):
        rollback(tracking)
    assert champion_of(tracking).version == 1


def test_what_was_rolled_back_comes_back_by_hand_only(tracking, registered):
    for number, score in [(1, 0.1), (2, 0.2)]:
        registered(score)
        consider(tracking, number)
    rollback(tracking)
    decision = consider(tracking, 2)
    assert not decision.promoted
    assert "rolled back" in decision.reason
    assert not consider(tracking, 2).promoted  # asking often enough does not help
    promoted = promote(tracking, 2, reason="the phones are mended")
    assert promoted.aliases == ("champion",)
    assert promoted.reason == "by hand: the phones are mended"
    assert rollback(tracking).version == 1


def test_promotion_by_hand(tracking, registered):
    with pytest.raises(NotFound, match="none is registered"):
        promote(tracking, 1, reason="why not")
    registered(0.5)
    registered(0.1)
    consider(tracking, 1)
    with pytest.raises(BadData, match="reason"):
        promote(tracking, 2, reason=" ")
    model = promote(tracking, 2, reason="kinder to new people")
    assert (model.aliases, model.previous) == (("champion",), 1)
    assert promote(tracking, 2, reason="again") == model


def test_nothing_to_roll_back(tracking):
    with pytest.raises(NotFound, match="no champion"):
        rollback(tracking)


def test_a_predecessor_that_was_deleted_is_named(tracking, registered):
    for number, score in [(1, 0.1), (2, 0.2)]:
        registered(score)
        consider(tracking, number)
    tracking.call(lambda client: client.delete_model_version("commonspace", "1"))
    with pytest.raises(NotFound, match="'1'"):
        rollback(tracking)
