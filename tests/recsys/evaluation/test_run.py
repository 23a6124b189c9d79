"""The whole harness on a small network, the product's own recommender included."""

import json
from dataclasses import replace

import numpy as np
import pytest

from infra.cli.output import rendered
from recsys.config import RecommendConfig
from recsys.evaluation.baselines import standard
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.contender import ByScore, Contender
from recsys.evaluation.measure import BEYOND
from recsys.evaluation.opening import Databases
from recsys.evaluation.ours import ours, ours_plain
from recsys.evaluation.plots import report_plots
from recsys.evaluation.reactions import reactions_alone
from recsys.evaluation.run import evaluate
from recsys.evaluation.split import last_of_each
from recsys.evaluation.tables import report_tables
from tests.recsys.evaluation.planted import CONFIG, planted, undated
from training.benchmark.recipe import Recipe
from training.errors import BadConfig, BadData
from training.reactions.contenders import Role

NETWORK = planted()
TINY = Recipe.parse(
    {"model": {"dimension": 16, "hidden": 16}, "loop": {"epochs": 2, "batch_size": 32}}
)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """All contenders on both splits of reactions."""
    with Databases(tmp_path_factory.mktemp("databases")) as databases:
        config = RecommendConfig()
        contenders = [
            *(each for each in standard() if each.name not in ("bpr", "als")),
            reactions_alone(),
            ours_plain(databases, config),
            ours(databases, config),
        ]
        return evaluate(NETWORK, contenders, EvaluationConfig(depth=30, cold_person=2), CONFIG)


def test_every_contender_is_measured_by_the_same_rules(outcome):
    json.dumps(outcome, allow_nan=False)
    assert set(outcome["splits"]) == {"temporal", "last_of_each"}
    for split in outcome["splits"].values():
        people = {len(each["slices"]) for each in split["contenders"].values()}
        assert people == {len(split["slices"])}
        assert not split["skipped"]
        for each in split["contenders"].values():
            assert set(each["beyond"]) == set(BEYOND)
            cell = each["slices"]["all"]["ndcg@10"]
            assert 0 <= cell["low"] <= cell["value"] <= cell["high"] <= 1


def test_taste_is_found(outcome):
    found = outcome["splits"]["last_of_each"]["contenders"]
    ndcg = {name: each["slices"]["all"]["ndcg@10"]["value"] for name, each in found.items()}
    for name in ("ours", "reactions_alone", "item_knn", "ease", "text"):
        assert ndcg[name] > 1.3 * ndcg["random"], name
    gap = outcome["splits"]["last_of_each"]["differences"]["all"]["ndcg@10"]
    best = max((n for n in found if found[n]["role"] == "baseline"), key=ndcg.__getitem__)
    assert gap["best"] == best
    assert gap["above"]["ours"]["value"] == pytest.approx(ndcg["ours"] - ndcg[best], abs=1e-5)


def test_newcomers_are_met_by_content_alone(outcome):
    split = outcome["splits"]["temporal"]
    found = split["contenders"]
    assert split["slices"]["cold_people"] and split["slices"]["among_cold_posts"]
    cold = {
        n: each["slices"]["among_cold_posts"]["recall@20"]["value"] for n, each in found.items()
    }
    assert cold["ours"] > 0
    freshest = found["fresh"]["beyond"]["coverage"]["value"]
    assert freshest < found["random"]["beyond"]["coverage"]["value"]


def test_the_report_can_be_read_and_drawn(outcome, tmp_path):
    page = rendered(report_tables(outcome), width=130)
    for word in ("temporal: ", "last_of_each: ", "among cold posts", "ours above"):
        assert word in page
    curve = [
        {
            "strength": s,
            "diversity": 0.5 + s,
            "ndcg": 0.2 - s / 100,
            "gained": 2 * s,
            "lost": s / 20,
        }
        for s in (0.0, 0.5, 1.0)
    ]
    outcome["splits"]["temporal"]["curve"] = curve
    drawn = report_plots(outcome, tmp_path)
    assert {path.name for path in drawn} >= {"temporal_accuracy.png", "temporal_diversity.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
    assert "diversity at strength 0.5: 1.0000 (+100.0%)" in rendered(report_tables(outcome))


def test_hidden_posts_of_ones_own_are_found_in_a_joint_space(tmp_path):
    network = undated(NETWORK)
    with Databases(tmp_path, TINY) as databases:
        contenders = [*standard()[:1], ours(databases, RecommendConfig())]
        found = evaluate(network, contenders, EvaluationConfig(), CONFIG)
    (split,) = found["splits"].values()
    maps = {n: each["slices"]["all"]["map"]["value"] for n, each in split["contenders"].items()}
    assert maps["ours"] > 1.3 * maps["random"]
    assert "cold_posts" not in split["slices"]  # all candidates are cold: it is the whole


def test_a_list_that_breaks_the_rules_is_an_error_and_not_a_figure():
    class Cheat(ByScore):
        def recommend(self, people, k, allowed):
            return [np.arange(min(k, allowed.shape[1])) for _ in people]

    broken = Contender("cheat", Role.BASELINE, lambda training: Cheat(lambda people: people))
    with pytest.raises(ValueError, match="may not be recommended"):
        evaluate(NETWORK, [broken], EvaluationConfig(splits=("last_of_each",)), CONFIG)


def test_what_cannot_take_part_is_named_with_the_reason():
    wordless = replace(NETWORK.features, text=NETWORK.features.text[:, :0])
    network = undated(replace(NETWORK, features=wordless))
    chosen = [each for each in standard() if each.name in ("random", "fresh", "text")]
    (split,) = evaluate(network, chosen, EvaluationConfig(), CONFIG)["splits"].values()
    assert split["skipped"] == {
        "fresh": "the posts have no dates",
        "text": "the posts have no text",
    }


def test_without_the_package_its_baselines_are_left_out(monkeypatch):
    monkeypatch.setattr("recsys.evaluation.baselines.find_spec", lambda name: None)
    training = last_of_each(NETWORK, CONFIG).training
    missing = {each.name: each.skip(training) for each in standard() if each.skip(training)}
    assert set(missing) == {"bpr", "als"}
    assert "implicit isn't installed" in (missing["als"] or "")


def test_mistakes_are_told():
    with pytest.raises(BadConfig, match="'temporal', 'last_of_each' or 'own_posts'"):
        EvaluationConfig.parse({"splits": ["monthly"]})
    few = replace(NETWORK, events=NETWORK.events[NETWORK.events.person < 3])
    with pytest.raises(BadData, match="people have something held out"):
        evaluate(few, [], EvaluationConfig(splits=("last_of_each",)), CONFIG)
    with pytest.raises(BadConfig):
        EvaluationConfig.parse({"depth": 5000})
