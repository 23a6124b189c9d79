"""The evaluation card, and the parts that it is made of."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.synthetic import small_examples
from training.embedding import embed_split
from training.evaluation.card import evaluation_card
from training.evaluation.degradation import KINDS, degradation, without
from training.evaluation.embedded import Direction
from training.evaluation.intervals import bootstrap_interval
from training.evaluation.metrics import find_metric
from training.evaluation.query_intervals import query_intervals
from training.evaluation.retrieval import METRICS, QueryResults, retrieval_per_query
from training.evaluation.slices import slice_results, slices_of
from training.examples import Examples
from training.materials import Materials
from training.model import JointSpace, ModelConfig
from training.space import Space


class _NoEncoder(torch.nn.Module):
    """Cards read features; nothing is encoded."""


@pytest.fixture(scope="module")
def examples() -> Examples:
    return small_examples(people=12)


@pytest.fixture(scope="module")
def space(examples) -> Space:
    torch.manual_seed(0)
    joint = JointSpace(
        ModelConfig(dimension=48, hidden=16), users=12, image_features=12, text_features=10
    )
    joint.fit_inputs(examples.features[examples.rows("train")])
    return Space(joint, _NoEncoder(), _NoEncoder(), examples.users)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def identities(examples):
    return torch.arange(len(examples.users))


@pytest.fixture(scope="module")
def results(space, examples, identities):
    return retrieval_per_query(embed_split(space.joint, examples, "test", identities))


def test_fast_intervals_equal_the_plain_bootstrap(results):
    for each in results.values():
        fast = query_intervals(each, seed=3, resamples=200)
        for name in METRICS:
            plain = bootstrap_interval(
                each.values[name], 3, 200, groups=each.person, statistic=find_metric(name).aggregate
            )
            np.testing.assert_allclose(fast[name], plain, rtol=1e-9)


def test_intervals_of_nothing():
    nothing = np.empty(0, dtype=int)
    assert query_intervals(QueryResults(nothing, nothing, {"map": np.empty(0)})) == {}


def test_slices_part_the_queries(results, examples):
    known = np.ones(len(examples.users), dtype=bool)
    found = slice_results(results, slices_of(examples, known, "test"))
    # six training posts each
    assert set(found) == {
        "people with 4 to 10 posts",
        "posts with image and text",
        "posts with only an image",
        "posts with only a text",
        "cold posts: neither text nor image seen in training",
    }
    every = results[Direction.POST_TO_USER]
    kinds = [found[f"posts with {kind}"] for kind in ("image and text", "only an image")]
    kinds.append(found["posts with only a text"])
    assert sum(kind["post_to_user"].queries for kind in kinds) == len(every)
    people = found["people with 4 to 10 posts"]["user_to_post"]
    assert people.value.value == pytest.approx(results[Direction.USER_TO_POST].values["map"].mean())
    assert all("user_to" not in direction for kind in kinds for direction in kind)


def test_people_whom_the_model_does_not_know_are_a_slice(results, examples):
    known = np.arange(len(examples.users)) % 2 == 0
    found = slice_results(results, slices_of(examples, known, "test"))
    new = found["people new to the model, placed by their posts"]["user_to_post"]
    assert new.queries == 6
    gone = replace(
        examples,
        history_rows=examples.history_rows[:0],
        history_weight=examples.history_weight[:0],
        history_start=torch.zeros_like(examples.history_start),
    )
    found = slice_results(results, slices_of(gone, known, "test"))
    assert found["cold people: nothing known of them"]["user_to_post"].queries == 6
    assert found["known people without a training post"]["user_to_post"].queries == 6


def test_a_post_whose_text_is_in_training_is_not_cold(results, examples):
    text = examples.keys.text.clone()
    text[examples.rows("test")[0]] = text[examples.rows("train")[0]]
    known = np.ones(len(examples.users), dtype=bool)
    repeated = replace(examples, keys=replace(examples.keys, text=text))
    found = slice_results(results, slices_of(repeated, known, "test"))
    assert found["posts whose text or image is in training too"]["post_to_user"].queries == 1


def test_what_goes_missing(examples):
    features = examples.features
    count = len(features)
    everything, coins = torch.ones(count, dtype=torch.bool), torch.arange(count) % 2 == 0
    assert not without(features, "images", everything, coins).has_image.any()
    assert not without(features, "texts", everything, coins).has_text.any()
    one = without(features, "one of both", everything, coins)
    assert not (one.has_image & one.has_text).any()
    assert (one.has_image | one.has_text).equal(features.has_image | features.has_text)
    untouched = without(features, "one of both", ~everything, coins)
    assert untouched.has_image.equal(features.has_image)


def test_curves_begin_with_the_whole_and_end_with_nothing_placed(
    space, examples, identities, results
):
    curves = degradation(space, examples, "test", identities)
    weighed = embed_split(space.joint, examples, "test", identities, weights=space.query_weights)
    whole = retrieval_per_query(weighed)[Direction.USER_TO_POST].values["map"].mean()
    assert list(curves) == list(KINDS)
    for curve in curves.values():
        assert [point.share for point in curve] == [0, 0.25, 0.5, 0.75, 1]
        assert curve[0].map == pytest.approx(whole, rel=1e-6)
        assert np.all(np.diff([point.empty for point in curve]) >= 0)
    rows = examples.rows("test")
    assert curves["images"][-1].empty == int((~examples.features.has_text[rows]).sum())
    assert curves["one of both"][-1].empty == 0
    both = replace(examples, features=replace(
        examples.features, has_text=torch.zeros_like(examples.features.has_text)
    ))  # fmt: skip
    nothing = degradation(space, both, "test", identities, shares=[1.0])["images"][0]
    assert nothing.empty == len(rows)
    assert nothing.map < 0.3  # all come last


@pytest.fixture
def materials(clean_sample) -> Materials:
    from tests.training.report.finished import random_materials

    return random_materials(clean_sample)


@pytest.fixture
def sample_space(materials) -> Space:
    from tests.training.report.finished import space_for

    return space_for(materials.examples, (_NoEncoder(), _NoEncoder()))


def test_the_card_says_what_was_measured_and_how(sample_space, materials):
    isolated = {"isolated": {"user_to_image": {"map": 0.5}}}
    card = evaluation_card(sample_space, materials, isolated)
    plain = card.to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["protocol"]["strategy"] == "random"
    assert plain["protocol"]["data_digest"] == materials.data.manifest.digest
    asked = plain["protocol"]["asked"]["post_to_user"]
    assert asked == {
        "queries": plain["protocol"]["posts"]["test"],
        "candidates": plain["protocol"]["people"],
    }
    assert set(plain["retrieval"]["joint"]) == set(map(str, Direction)) == set(plain["gaps"])
    value = plain["retrieval"]["joint"]["user_to_image"]["map"]
    assert value["low"] <= value["value"] <= value["high"]
    assert plain["retrieval"]["isolated"]["user_to_image"]["map"] == {
        "value": 0.5, "low": None, "high": None,
    }  # fmt: skip
    text = card.to_markdown("Card of version 1")
    for word in ("# Card of version 1", "| joint |", "| isolated |", "user→post MAP, missing:"):
        assert word in text


def test_a_split_without_posts_gives_an_empty_card(sample_space, materials):
    examples = materials.examples
    nothing = replace(examples, split=torch.zeros_like(examples.split))
    card = evaluation_card(sample_space, replace(materials, examples=nothing))
    plain = card.to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["retrieval"]["joint"] == plain["gaps"] == plain["slices"] == {}
    assert "no query" in card.to_markdown()
