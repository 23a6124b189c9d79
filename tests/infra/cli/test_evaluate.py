"""`commonspace evaluate recommender`: what it prints, writes and refuses."""

import json
from contextlib import nullcontext

import pytest

from recsys.evaluation.baselines import standard
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.run import evaluate
from tests.recsys.evaluation.planted import CONFIG, planted


@pytest.fixture
def measured(monkeypatch):
    """The command without a cluster and without encoders: the data set is a planted one."""

    def compare(place, settings, chosen: EvaluationConfig, observer, *, curve: bool):
        contenders = [each for each in standard() if each.name in ("random", "popularity")]
        return evaluate(planted(), contenders, chosen, CONFIG, observer) | {"place": place}

    monkeypatch.setattr("infra.product.services", lambda settings: nullcontext())
    monkeypatch.setattr("infra.cli.evaluate.compare", compare)


def test_the_report_is_printed_written_and_drawn(measured, commonspace, tmp_path):
    out, plots = tmp_path / "deep" / "report.json", tmp_path / "plots"
    arguments = ("--data", "films", "--split", "last_of_each", "--people", "20")
    done = commonspace("evaluate", "recommender", *arguments, "--json", out, "--plots", plots)
    assert done.code == 0
    assert "last_of_each: 20 people" in done.out and "popularity" in done.out
    report = json.loads(out.read_text())
    assert set(report["splits"]) == {"last_of_each"} and report["place"] == "films"
    assert (plots / "last_of_each_accuracy.png").stat().st_size > 1000
    assert f"wrote {out}" in done.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--split", "monthly"), "'temporal', 'last_of_each' or 'own_posts'"),
        (("--people", "3"), "10"),
        (("--seed", "-1"), "greater than or equal to 0"),
    ],
)
def test_mistakes_are_told_before_anything_is_read(commonspace, arguments, told):
    done = commonspace("evaluate", "recommender", "--data", "nowhere", *arguments)
    assert done.code == 2
    assert told in done.err and "Traceback" not in done.err


def test_a_report_that_cannot_be_written_is_told(measured, commonspace, tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ("--data", "x", "--split", "last_of_each", "--json", tmp_path / "file" / "a.json")
    done = commonspace("evaluate", "recommender", *arguments)
    assert done.code == 2 and "can't be written" in done.err
