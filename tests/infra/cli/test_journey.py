"""A user's way after a training: look at the model, measure it, index it, ask it."""

import json
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.cli.conftest import Command, Trained

pytest_plugins = ["tests.ray_cluster"]


@pytest.fixture(autouse=True)
def in_the_workspace(
    trained: "Trained", ray_session: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMONSPACE_WORKSPACE", str(trained.workspace))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def person(few_posts: "Path") -> str:
    counts = pq.read_table(few_posts, columns=["user_id"])["user_id"].value_counts().to_pylist()
    return max(counts, key=lambda entry: (entry["counts"], entry["values"]))["values"]


@pytest.fixture
def indexed(trained: "Trained", commonspace: "Command") -> dict:
    """The report of the one build that all questions are asked to."""
    report = trained.workspace / "indexed.json"
    if not report.exists():
        done = commonspace("index", "--config", trained.settings, "--json")
        assert done.code == 0, done.err
        report.write_text(done.out)
    return json.loads(report.read_text())


def test_models(trained: "Trained", commonspace: "Command") -> None:
    trained_version = trained.submit.result["result"]["model_version"]
    [model] = commonspace("models", "list", "--json").result
    assert (model["version"], model["aliases"]) == (trained_version, ["champion"])
    assert model["run_id"] == trained.submit.result["mlflow_run_id"]
    assert "champion" in commonspace("models", "list").out
    assert commonspace("models", "show", "champion", "--json").result == model
    page = commonspace("models", "show", model["version"]).out
    assert model["data_digest"] in page and "validation/score" in page
    assert commonspace("models", "show", 99).code == 4
    assert commonspace("models", "rollback").code == 5  # the first champion has none before it
    by_hand = commonspace("models", "promote", trained_version, "--reason", "sure", "--json")
    assert by_hand.result["aliases"] == ["champion"]
    assert commonspace("models", "promote", trained_version).code == 2  # why is asked for


def test_no_models(tmp_path: "Path", commonspace: "Command") -> None:
    assert commonspace("models", "list", "--workspace", tmp_path, "--json").result == []
    assert commonspace("models", "list", "--workspace", tmp_path).out.startswith("no model")


def test_evaluate(trained: "Trained", commonspace: "Command") -> None:
    done = commonspace("evaluate", "--config", trained.settings, "--json")
    assert done.code == 0, done.err
    before = trained.submit.result["result"]["retrieval"]["joint"]
    for direction, metrics in done.result["retrieval"]["joint"].items():
        assert metrics == pytest.approx(before[direction], abs=1e-5)
    table = commonspace("evaluate", "--config", trained.settings, "--split", "validation").out
    assert "joint" in table and "→image" in table
    assert commonspace("evaluate", "--split", "train").code == 2
    assert commonspace("evaluate", "--model", "99").code == 4


def test_every_registered_model_has_an_evaluation_card(
    trained: "Trained", commonspace: "Command"
) -> None:
    from infra.product import load_config, open_tracking
    from training.evaluation.card import read_card

    [model] = commonspace("models", "list", "--json").result
    card = read_card(open_tracking(load_config(workspace=trained.workspace)), model["run_id"])
    assert card["protocol"]["data_digest"] == model["data_digest"]
    assert set(card["gaps"]) == set(card["retrieval"]["joint"]) == set(card["protocol"]["asked"])
    assert any(name.startswith("cold posts") for name in card["slices"])
    assert {len(curve) for curve in card["degradation"].values()} == {5}
    assert "precision@5" in card["tags"]["posts"]["joint"]


def test_a_name_is_used_once(trained: "Trained", commonspace: "Command") -> None:
    again = ("train", "--config", trained.settings, "--name", "first")
    done = commonspace(*again)
    assert done.code == 5
    assert "--resume" in done.err and "--new" in done.err
    assert commonspace(*again, "--resume", "--new").code == 2
    assert commonspace("train", "--resume").code == 2


def test_recommend(indexed: dict, person: str, commonspace: "Command") -> None:
    assert indexed["counts"]["posts"] > 50
    done = commonspace("recommend", person, "-k", 3, "--json")
    assert done.code == 0, done.err
    assert len(done.result) == 3
    for answer in done.result:
        assert answer["author"] != person
        assert answer["reasons"][0]["text"]
    lines = commonspace("recommend", person, "-k", 3).out.splitlines()
    assert lines[0].split() == ["score", "title", "author", "post", "why"]
    assert len(lines) == 4
    unknown = commonspace("recommend", person + "x")
    assert unknown.code == 4
    assert person in unknown.err  # the near one
    assert commonspace("recommend", person, "-k", 0).code == 2


def test_similar(indexed: dict, person: str, commonspace: "Command") -> None:
    found = commonspace("similar", person, "-k", 2, "--json").result
    assert len(found) == 2
    assert person not in [answer["user_id"] for answer in found]
    assert len(commonspace("similar", person, "-k", 2).out.splitlines()) == 3


def test_search(indexed: dict, person: str, tmp_path: "Path", commonspace: "Command") -> None:
    picture = tmp_path / "red.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    for query in (["--text", "a red bird"], ["--image", picture], ["--user", person]):
        for target in ("users", "images", "texts", "posts"):
            done = commonspace("search", *query, "--for", target, "-k", 2, "--json")
            assert done.code == 0, done.err
            assert len(done.result) == 2, (query, target)
    assert len(commonspace("search", "--text", "bird", "-k", 2).out.splitlines()) == 3
    assert commonspace("search").code == 2
    assert commonspace("search", "--text", "a", "--user", person).code == 2
    assert commonspace("search", "--image", tmp_path / "none.png").code == 3
    assert commonspace("search", "--text", "a", "--for", "films").code == 2


def test_nothing_is_indexed(tmp_path: "Path", person: str, commonspace: "Command") -> None:
    done = commonspace("recommend", person, "--workspace", tmp_path)
    assert done.code == 4
    assert "commonspace index" in done.err
