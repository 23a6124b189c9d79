import numpy as np
import pytest

from training.errors import NotFound
from training.reactions.events import Reaction
from training.reactions.holdout import latest_reactions
from training.reactions.model import ReactionModel, train_reactions
from training.reactions.outcomes import Question, overall_pairs, read_pairs
from training.reactions.probabilities import judge_kinds
from training.reactions.reliability import reliability, reliability_plot

AUTHORS = [f"author{i % 8}" for i in range(80)]


@pytest.fixture(scope="module")
def parts(events):
    later = latest_reactions(events, 0.25)
    return events[~later], events[later]


@pytest.fixture(scope="module")
def model(parts, features, config) -> ReactionModel:
    calibrated = config.model_copy(update={"calibrate": True, "validation_share": 0.25})
    return train_reactions(parts[0], AUTHORS, features, calibrated)


def test_it_says_what_each_probability_is_of(model):
    # a rating approves or not; every pair was viewed, so a view is only seen against no reaction
    assert model.kinds["rate>=3.5"].question is Question.IF_REACTING
    assert model.kinds["view"].question is Question.AT_ALL


def test_calibration_lowers_the_error_of_the_score(model, parts, tmp_path):
    known, latest = parts
    judged = judge_kinds(model.kinds, model.space, known, latest, model.base)
    for raw, calibrated in judged.values():
        assert calibrated.error < 0.12
        assert calibrated.error < raw.error
    path = reliability_plot(judged, {}, tmp_path / "reliability.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_probabilities_follow_taste(model):
    history = [Reaction(f"post{i}", "rate", 5.0, 10 - i) for i in (0, 4, 8, 12)]
    likely = model.probabilities(history, ["post16", "post20", "post17", "post18"])["rate>=3.5"]
    assert ((likely > 0) & (likely < 1)).all()
    assert likely[:2].min() > likely[2:].max()


def test_an_unknown_post_is_named(model):
    with pytest.raises(NotFound, match="nowhere"):
        model.probabilities([], ["nowhere"])


def test_it_is_saved_and_loaded(model, tmp_path):
    model.save(tmp_path)
    loaded = ReactionModel.load(tmp_path)
    history, posts = [Reaction("post1", "rate", 4.0)], ["post2", "post5"]
    for name, each in model.probabilities(history, posts).items():
        np.testing.assert_array_equal(loaded.probabilities(history, posts)[name], each)
    assert loaded.overall == model.overall


def test_perfect_and_shifted_forecasts():
    random = np.random.default_rng(0)
    said = random.random(20_000)
    happened = random.random(20_000) < said
    assert reliability(said, happened).error < 0.02
    shifted = reliability(np.minimum(said + 0.2, 1), happened)
    assert 0.15 < shifted.error < 0.2
    assert np.isclose(shifted.weight.sum(), 1)


def test_a_weight_stands_for_repeats():
    said, happened = np.array([0.1, 0.1, 0.6]), np.array([0.0, 1.0, 1.0])
    weighted = reliability(said, happened, np.array([9.0, 1.0, 5.0]))
    repeated = reliability(np.repeat(said, [9, 1, 5]), np.repeat(happened, [9, 1, 5]))
    assert np.isclose(weighted.weight.sum(), repeated.weight.sum())
    assert abs(weighted.error - repeated.error) < 0.1


def test_the_probability_of_approval_keeps_the_order_of_the_score(model):
    assert set(model.overall) == {"reacts", "approves"}
    signal = np.zeros((5, 5))
    signal[:, 0] = np.linspace(-1, 1, 5)
    likely = model.overall["approves"](signal)
    assert (np.diff(likely) > 0).all() and (likely < model.overall["reacts"](signal)).all()


def test_whoever_reacts_in_any_way_reacts_and_only_approval_approves(config, events):
    pairs = overall_pairs(events, config)
    reacts, approves = pairs.happened.T
    assert reacts.all() and 0 < approves.sum() < len(approves)
    rated = read_pairs(events, config)
    assert (approves == rated.happened[:, rated.names.index("rate>=3.5")]).all()
