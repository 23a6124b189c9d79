"""Which step comes next, whatever happened before: data, records and registry are real, the steps
are stand-ins that only note that they ran."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.pipeline import run as orchestrator
from infra.pipeline.record import Outcome, Record, Records, Step
from infra.pipeline.run import key_of, run_pipeline
from infra.pipeline.steps import REFUSED, Context
from infra.product import ProductConfig
from training.data.prepare import prepare
from training.errors import BadData, Conflict

PATH = Path(__file__).parents[3]


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the product may catch it."""


class Steps:
    """Stand-ins; `fail` and `refuse` say what one of them does."""

    def __init__(self) -> None:
        self.ran: list[Step] = []
        self.refuse: dict[Step, list[str]] = {}
        self.fail: dict[Step, BaseException] = {}
        self.promotes = itertools.count(1)
        self.champion: int | None = None

    def action(self, step: Step):
        def run(context: Context) -> dict:
            if step in self.fail:
                raise self.fail[step]
            self.ran.append(step)
            reasons = self.refuse.get(step, [])
            if step is Step.GATE and context.record.accepted and not self.refuse.get("gate itself"):
                reasons = []
            if step is Step.GATE and not reasons:
                self.champion = next(self.promotes)
            found = {REFUSED: reasons}
            return found | ({"reason": "better"} if step is Step.GATE and not reasons else {})

        return run


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    made = Steps()
    monkeypatch.setattr(orchestrator, "ACTIONS", {step: made.action(step) for step in Step})
    monkeypatch.setattr(orchestrator, "_champion", lambda tracking: made.champion)
    return made


@pytest.fixture
def config(ray_session: None, small_posts: Path, tmp_path: Path) -> ProductConfig:
    return ProductConfig.load(None, [f"data.posts={small_posts}", f"workspace={tmp_path}"])


def run(config: ProductConfig, **how):
    from contextlib import nullcontext

    return run_pipeline(config, ray=lambda config: nullcontext(), **how)


def test_all_steps_once_and_then_nothing(steps: Steps, config: ProductConfig):
    done = run(config, name="first")
    assert steps.ran == list(Step)
    assert done.record.outcome is Outcome.PROMOTED and not done.nothing
    assert done.record.champion_after == 1
    again = run(config)
    assert again.nothing and not again.refused
    assert again.record == done.record
    assert steps.ran == list(Step)


@pytest.mark.parametrize("step", Step)
def test_killed_after_any_step_it_goes_on(steps: Steps, config: ProductConfig, step: Step):
    def kill(done: Step) -> None:
        if done is step:
            raise Killed

    with pytest.raises(Killed):
        run(config, name="first", after=kill)
    (record,) = Records(config.workspace).all()
    assert list(record.steps)[-1] is step
    before = list(steps.ran)
    done = run(config)
    assert steps.ran == list(Step)  # each once
    assert done.record.name == "first" and done.record.outcome is Outcome.PROMOTED
    assert done.nothing == (before == list(Step))


@pytest.mark.parametrize("step", Step)
def test_killed_within_any_step_that_one_is_taken_again(
    steps: Steps, config: ProductConfig, step: Step
):
    steps.fail[step] = Killed()
    with pytest.raises(Killed):
        run(config)
    assert step not in Records(config.workspace).all()[0].steps
    steps.fail.clear()
    assert run(config).record.outcome is Outcome.PROMOTED
    assert steps.ran == list(Step)


def test_an_error_of_a_step_is_told_and_the_next_call_tries_again(
    steps: Steps, config: ProductConfig
):
    steps.fail[Step.INDEX] = BadData("the disk is full")
    with pytest.raises(BadData, match="disk"):
        run(config)
    steps.fail.clear()
    assert run(config).record.outcome is Outcome.PROMOTED


@pytest.mark.parametrize("step", [Step.VALIDATE, Step.DRIFT, Step.GATE])
def test_a_refusal_is_told_once_and_lifted_by_accept(
    steps: Steps, config: ProductConfig, step: Step
):
    steps.refuse[step] = ["too few posts", "and bad ones"]
    done = run(config)
    assert done.refused and done.record.outcome is Outcome.REFUSED
    assert done.record.reason == "too few posts; and bad ones"
    assert steps.ran[-1] is step
    again = run(config)
    assert again.nothing and not again.refused  # cron was told yesterday
    accepted = run(config, accept=True)
    assert accepted.record.name == done.record.name
    assert accepted.record.outcome is Outcome.PROMOTED and accepted.record.accepted
    assert [each for each in Step if steps.ran.count(each) == 2] == [step]


def test_accept_makes_no_champion_of_a_model_that_is_not_better(
    steps: Steps, config: ProductConfig, monkeypatch: pytest.MonkeyPatch
):
    def gate(context: Context) -> dict:
        steps.ran.append(Step.GATE)
        return {"reason": "not better", REFUSED: ["not better"]}

    monkeypatch.setitem(orchestrator.ACTIONS, Step.GATE, gate)
    assert run(config).record.reason == "not better"
    assert run(config, accept=True).nothing
    assert steps.ran.count(Step.GATE) == 1
    assert Step.INDEX not in steps.ran


def test_other_settings_or_a_champion_by_hand_begin_a_new_run(
    steps: Steps, config: ProductConfig, tmp_path: Path
):
    first = run(config, name="first").record
    other = ProductConfig.load(
        None, [f"data.posts={config.data.posts}", f"workspace={tmp_path}", "loop.epochs=3"]
    )
    assert key_of(other, first.data_digest) != key_of(config, first.data_digest)
    assert not run(other, name="second").nothing
    steps.champion = 99  # promoted by hand since
    assert not run(config, name="third").nothing
    with pytest.raises(Conflict, match="first"):
        run(config, name="first", force=True)
    assert [record.name for record in Records(tmp_path).all()] == ["third", "second", "first"]


def test_where_it_runs_and_is_tracked_makes_no_new_model(steps: Steps, config: ProductConfig):
    run(config)
    moved = config.model_copy(update={"scaling": config.scaling.model_copy(update={"workers": 8})})
    assert run(moved).nothing


def test_new_data_supersedes_what_was_cut_short(
    steps: Steps, config: ProductConfig, sample_posts: Path, tmp_path: Path
):
    import pyarrow.parquet as pq

    steps.fail[Step.TRAIN] = Killed()
    with pytest.raises(Killed):
        run(config, name="old")
    steps.fail.clear()
    fewer = tmp_path / "fewer.parquet"
    pq.write_table(pq.read_table(config.data.posts).slice(20), fewer)
    newer = ProductConfig.load(None, [f"data.posts={fewer}", f"workspace={tmp_path}"])
    assert run(newer, name="new").record.outcome is Outcome.PROMOTED
    outcomes = {record.name: record.outcome for record in Records(tmp_path).all()}
    assert outcomes == {"new": Outcome.PROMOTED, "old": Outcome.SUPERSEDED}
    assert run(newer).nothing


def test_force_runs_again(steps: Steps, config: ProductConfig):
    run(config)
    assert not run(config, force=True).nothing
    assert steps.ran == list(Step) * 2


def test_two_at_once_are_one_too_many(steps: Steps, config: ProductConfig):
    records = Records(config.workspace)
    assert not records.running()
    with records.locked():
        assert records.running()
        with pytest.raises(Conflict, match="another pipeline"):
            run(config)
    assert not steps.ran and not records.running()


def test_a_damaged_record_is_named(steps: Steps, config: ProductConfig):
    name = run(config).record.name
    (Records(config.workspace).of(name) / "state.json").write_text('{"name": "x"')
    with pytest.raises(BadData, match=name):
        run(config)


def test_records_come_back_as_they_were(tmp_path: Path):
    records = Records(tmp_path)
    record = Record(name="a", key="k", data_digest="d", started="1", champion_before=None)
    records.save(record)
    assert records.all() == [record]
    assert record.next_step is Step.VALIDATE


KILLED = """
import contextlib, os, signal, sys
from infra.pipeline import run
from infra.pipeline.record import Step
from infra.product import load_config

run._champion = lambda tracking: None  # an empty MLflow takes seconds to make

def kill(step):
    assert step is Step.VALIDATE
    os.kill(os.getpid(), signal.SIGKILL)

run.run_pipeline(load_config(None, sys.argv[1:]), name="killed", after=kill,
    ray=contextlib.nullcontext)
"""


def test_kill_9_leaves_a_lock_that_is_free_and_a_run_that_goes_on(
    config: ProductConfig, steps: Steps
):
    prepare(config.data, config.split, config.workspace)  # so that the other needs no Ray
    settings = [f"data.posts={config.data.posts}", f"workspace={config.workspace}"]
    environment = os.environ | {"PYTHONPATH": str(PATH)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    dead = subprocess.run(
        [sys.executable, "-c", KILLED, *settings], env=environment, capture_output=True, text=True
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr[-2000:]
    records = Records(config.workspace)
    assert not records.running()
    assert list(records.all()[0].steps) == [Step.VALIDATE]
    assert records.all()[0].result(Step.VALIDATE)["counts"]["posts"] > 150
    done = run(config)
    assert done.record.name == "killed" and done.record.outcome is Outcome.PROMOTED
    assert steps.ran == list(Step)[1:]
