"""The steps with real parts: a model, an index, and then data and models that are refused."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from infra.cli import main
from infra.cli.pipeline import status_page, summary
from infra.pipeline.record import Done, Outcome, Record, Records, Step
from infra.pipeline.run import Finished
from infra.pipeline.steps import PIPELINE_TAG, REFUSED, Context, gate, live_version, switch
from infra.product import open_recommender, open_tracking
from training.data.clean import CleanData
from training.errors import Conflict
from training.observer import SILENT
from training.space import Space
from training.tracking.gate import champion_of
from training.tracking.registry import register, space_folder
from training.tracking.versions import show_model

if TYPE_CHECKING:
    from tests.infra.retrained import Retrained

pytest_plugins = ["tests.infra.retrained"]


@pytest.fixture
def commonspace(retrained: "Retrained", capsys, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def run(*arguments: object) -> tuple[int, str]:
        named = ["commonspace", *map(str, arguments), "--config", str(retrained.settings)]
        monkeypatch.setattr(sys, "argv", named)
        with pytest.raises(SystemExit) as left:
            main.main()
        code = left.value.code or 0
        assert isinstance(code, int)
        return code, capsys.readouterr().out

    return run


def test_the_new_model_is_in_use_and_linked(retrained: "Retrained"):
    record, tracking = retrained.done.record, open_tracking(retrained.config)
    assert record.outcome is Outcome.PROMOTED and set(record.steps) == set(Step)
    champion = champion_of(tracking)
    assert champion is not None and champion.version == record.result(Step.TRAIN)["version"]
    assert live_version(retrained.config) == str(champion.version)
    run = tracking.call(lambda client: client.get_run(champion.run_id))
    assert run.data.tags[PIPELINE_TAG] == "first"
    name = retrained.config.tracking.registered_model
    tags = tracking.call(lambda client: client.get_model_version(name, str(champion.version)).tags)
    assert tags[PIPELINE_TAG] == "first"
    with open_recommender(retrained.config) as recommender:
        people = pq.read_table(retrained.posts)["user_id"].to_pylist()
        assert recommender.recommend(people[0], 3)


def test_a_first_run_is_told_without_a_page_of_drift(retrained: "Retrained"):
    text = summary(retrained.done)
    assert "drift          there is no champion to compare with\n" in text
    assert "drift page" not in text
    assert text.splitlines()[-1].startswith("first promoted: ")


def refused(record: Record, last: Step, result: dict) -> Finished:
    """The same run, had it been refused at a step."""
    upto = list(Step)[: list(Step).index(last)]
    steps = {step: record.steps[step] for step in upto}
    steps[last] = Done(finished="", seconds=0, result={REFUSED: ["it is worse"]} | result)
    changes = {"steps": steps, "outcome": Outcome.REFUSED, "reason": "it is worse"}
    return Finished(record.model_copy(update=changes))


@pytest.mark.parametrize(
    ("last", "result", "ways"),
    [
        (Step.VALIDATE, {}, "commonspace pipeline run --accept"),
        (
            Step.GATE,
            {},
            "commonspace pipeline run --accept, or commonspace models promote 1 --reason WHY",
        ),
        (Step.GATE, {"reason": "not better"}, "commonspace models promote 1 --reason WHY"),
    ],
)
def test_a_refusal_names_the_ways_that_there_are(
    retrained: "Retrained", last: Step, result: dict, ways: str
):
    text = summary(refused(retrained.done.record, last, result))
    assert text.endswith(f"look, and if it is right: {ways}")


def test_what_was_accepted_is_not_called_refused(retrained: "Retrained", commonspace):
    record = refused(retrained.done.record, Step.DRIFT, {}).record
    accepted = record.model_copy(update={"accepted": True, "outcome": Outcome.PROMOTED})
    assert "accepted: it is worse" in status_page(accepted, running=False)
    assert "refused: it is worse" in status_page(record, running=False)


def test_the_same_again_is_nothing_to_do(retrained: "Retrained", commonspace):
    code, out = commonspace("pipeline", "run")
    assert code == 0
    assert out.startswith("nothing to do: ") and "first" in out
    code, out = commonspace("pipeline", "run", "--json")
    assert code == 0 and json.loads(out)["nothing_to_do"]


def test_status_and_history(retrained: "Retrained", commonspace, tmp_path: Path):
    code, out = commonspace("pipeline", "status")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:8]] == [str(step) for step in Step]
    assert "promoted: the first champion" in out
    assert "- → 1" in commonspace("pipeline", "history")[1]
    assert commonspace("pipeline", "history", "--workspace", tmp_path)[1].startswith("no pipeline")
    assert json.loads(commonspace("pipeline", "status", "--json")[1])["running"] is False


def drifted(retrained: "Retrained", path: Path) -> Path:
    """The same posts, but everybody writes much longer texts."""
    posts = pq.read_table(retrained.posts)
    longer = [None if text is None else f"{text} " * 12 for text in posts["text"].to_pylist()]
    at = posts.schema.get_field_index("text")
    pq.write_table(posts.set_column(at, "text", pa.array(longer, pa.string())), path)
    return path


def test_drifted_data_is_refused_with_a_page_before_anything_is_trained(
    retrained: "Retrained", commonspace, tmp_path: Path
):
    elsewhere = f"data.posts={drifted(retrained, tmp_path / 'drifted.parquet')}"
    code, out = commonspace("pipeline", "run", "--name", "longer", "--set", elsewhere)
    assert code == 11
    assert "text length" in out and "the champion stays version 1" in out
    folder = Records(retrained.config.workspace).of("longer")
    assert (folder / "drift.html").read_text().startswith("<!doctype html>")
    report = json.loads((folder / "drift.json").read_text())
    assert report["level"] == "large"
    assert {shift["name"] for shift in report["space"]} >= {"people", "interests"}
    assert not (Path(retrained.config.workspace) / "runs" / "longer").exists()
    page = tmp_path / "page.html"
    code, out = commonspace("drift", "--set", elsewhere, "--to", page, "--json")
    assert code == 0 and json.loads(out)["verdict"] == report["verdict"]
    assert page.exists()


def test_a_worse_model_is_refused_with_the_directions_that_it_lost(
    retrained: "Retrained", tmp_path: Path
):
    tracking = open_tracking(retrained.config)
    champion = champion_of(tracking)
    assert champion is not None
    space = Space.load(space_folder(champion, tracking))
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in space.joint.parameters():
            weights.copy_(torch.randn_like(weights))
    space.save(tmp_path / "noise")
    run_id = champion.run_id
    metric = {retrained.config.tracking.gate.metric: 0.01}
    worse = register(tracking, run_id, tmp_path / "noise", metrics=metric)
    record = retrained.done.record
    trained = Done(
        finished="", seconds=0, result={"version": worse.version, "mlflow_run_id": run_id}
    )
    candidate = Record(
        **record.model_dump(exclude={"steps", "outcome", "name"}),
        name="worse",
        steps={Step.TRAIN: trained},
    )
    records = Records(retrained.config.workspace)
    data = CleanData.open(Path(retrained.config.workspace) / "data" / record.data_digest)
    context = Context(retrained.config, candidate, records, data, tracking, SILENT)
    found = gate(context)
    assert found[REFUSED]
    assert champion_of(tracking).version == champion.version  # type: ignore[union-attr]
    assert show_model(tracking, worse.version).decision == "kept"
    assert show_model(tracking, worse.version).reason == "; ".join(found[REFUSED])
    compared = found["compared"]["test"]
    assert np.mean([each["difference"][0] for each in compared]) < 0
    assert (records.of("worse") / "comparison.png").exists()
    artifacts = tracking.call(lambda client: client.list_artifacts(run_id, "pipeline"))
    assert "pipeline/comparison.png" in [each.path for each in artifacts]
    with pytest.raises(Conflict, match="somebody moved them"):
        switch(context)


def test_killed_right_after_the_alias_was_moved_the_gate_goes_on(retrained: "Retrained"):
    tracking = open_tracking(retrained.config)
    record = retrained.done.record
    steps = {step: record.steps[step] for step in (Step.VALIDATE, Step.DRIFT, Step.TRAIN)}
    before = record.model_copy(update={"steps": steps, "outcome": None})
    data = CleanData.open(Path(retrained.config.workspace) / "data" / record.data_digest)
    records = Records(retrained.config.workspace)
    context = Context(retrained.config, before, records, data, tracking, SILENT)
    found = gate(context)
    assert not found.get(REFUSED)
    assert found["reason"] == record.result(Step.GATE)["reason"]
    assert switch(context)["live"] == str(context.version)
