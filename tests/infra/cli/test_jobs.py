import json
import logging
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.cli.jobs import last_result
from tests.interrupts import interruptible
from training.jobs import Jobs
from training.logs import JsonLines
from training.tracking.config import TrackingConfig
from training.tracking.server import Tracking

if TYPE_CHECKING:
    from tests.infra.cli.conftest import Command, Trained
    from tests.ray_cluster import Cluster

pytest_plugins = ["tests.ray_cluster"]
LOGGED = JsonLines().format(logging.makeLogRecord({"name": "a", "msg": "no disk"}))


@pytest.fixture(autouse=True)
def token(job_cluster: "Cluster", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", job_cluster.token)
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", job_cluster.address)


def test_a_training_runs_on_the_cluster_and_tells_its_run(trained: "Trained") -> None:
    assert trained.submit.code == 0, trained.submit.err
    run_id = trained.submit.result["mlflow_run_id"]
    assert run_id == trained.submit.result["result"]["mlflow_run_id"]
    tracking = Tracking(TrackingConfig(), trained.workspace)
    run = tracking.call(lambda client: client.get_run(run_id))
    assert run.info.status == "FINISHED"
    assert run.data.params["loop.epochs"] == "1"  # the override went along, over the file
    assert "epoch 1 of 1" in trained.submit.err  # the log was shown
    assert (trained.workspace / "runs" / "first" / "model" / "space.json").is_file()


def test_its_jobs_are_listed_and_their_logs_kept(
    trained: "Trained", commonspace: "Command"
) -> None:
    job_id = trained.submit.result["job_id"]
    listed = commonspace("jobs", "list", "--json").result
    [job] = [job for job in listed if job["id"] == job_id]
    assert job["status"] == "SUCCEEDED"
    assert "infra.cli.main train --name first --config config.yaml --json" in job["command"]
    assert re.search(rf"{job_id} +SUCCEEDED", commonspace("jobs", "list").out)
    logs = commonspace("jobs", "logs", job_id)
    assert "epoch 1 of 1" in logs.out
    assert commonspace("jobs", "logs", job_id, "--follow").out == logs.out
    assert commonspace("jobs", "stop", job_id).out == f"{job_id} SUCCEEDED\n"


def test_a_job_that_fails_ends_the_command_with_its_reason(
    tmp_path: Path, commonspace: "Command"
) -> None:
    nowhere = tmp_path / "nowhere.parquet"
    done = commonspace("submit", "train", "--workspace", tmp_path, "--set", f"data.posts={nowhere}")
    assert done.code == 8
    assert done.out == ""
    assert re.search(rf"^error: {nowhere} does not exist", done.err, re.M)  # the job's own words
    assert re.search(r"^error: job raysubmit_\w+ ended as FAILED", done.err, re.M)
    assert "hint: its log: commonspace jobs logs raysubmit_" in done.err


def test_a_pipeline_that_is_refused_there_is_no_failure(
    tmp_path: Path, commonspace: "Command", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster calls each code but 0 a failure; what the command itself has said counts."""
    said = json.dumps({"refused": True, "reason": "it lost too much", "mlflow_run_id": "ab"})
    script = f"import sys; print({said!r}); sys.exit(11)"
    submit = Jobs.submit
    monkeypatch.setattr(
        Jobs,
        "submit",
        lambda self, _, job, files: submit(self, ["python", "-c", script], job, files),
    )
    done = commonspace("submit", "pipeline", "run", "--workspace", tmp_path)
    assert done.code == 11
    assert re.search(r"^job raysubmit_\w+ was refused: it lost too much\nMLflow run ab", done.out)
    shown = commonspace("submit", "--json", "pipeline", "run", "--workspace", tmp_path)
    assert shown.code == 11 and shown.result["result"]["reason"] == "it lost too much"


def test_ctrl_c_leaves_the_job_running(tmp_path: Path, commonspace: "Command") -> None:
    command = [sys.executable, "-m", "infra.cli.main", "submit", "train", "--workspace", tmp_path]
    with interruptible(command) as process:
        assert process.stderr
        job_id = process.stderr.readline().split()[1]
        process.stderr.readline()  # it follows the log now
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert f"job {job_id} goes on" in rest
    assert "Traceback" not in rest
    assert commonspace("jobs", "stop", job_id).out == f"{job_id} STOPPED\n"


def test_without_waiting_it_is_the_id_alone(tmp_path: Path, commonspace: "Command") -> None:
    done = commonspace("submit", "--no-wait", "train", "--workspace", tmp_path)
    assert re.fullmatch(r"raysubmit_\w+\n", done.out)
    commonspace("jobs", "stop", done.out.strip())


def test_a_wrong_token(monkeypatch: pytest.MonkeyPatch, commonspace: "Command") -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    done = commonspace("jobs", "list")
    assert done.code == 7
    assert re.match(
        r"error: the Ray cluster at \S+ refuses the token\nhint: set RAY_AUTH_TOKEN", done.err
    )


def test_nobody_there(commonspace: "Command") -> None:
    done = commonspace("jobs", "list", "--address", "127.0.0.1:1")
    assert done.code == 6
    assert "hint: " in done.err


def test_an_unknown_job(commonspace: "Command") -> None:
    assert commonspace("jobs", "logs", "raysubmit_nobody").code == 4


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["train"], "is relative"),
        (["train", "--workspace", "/w", "--set", "loop.epochz=1"], "did you mean 'epochs'"),
        (["train", "--config"], "expected one argument"),
        (["recommend", "alice"], "can't be submitted"),
    ],
)
def test_mistakes_are_told_before_anything_is_sent(
    arguments: list[str], problem: str, commonspace: "Command"
) -> None:
    done = commonspace("submit", "--address", "127.0.0.1:1", *arguments)
    assert done.code == 2
    assert problem in done.err


@pytest.mark.parametrize(
    ("log", "result", "shown"),
    [
        (["epoch 1", '{"mlflow_run_id": "ab"}'], {"mlflow_run_id": "ab"}, ["epoch 1"]),
        (['[{"build": 1}]', "[1/2] done"], [{"build": 1}], ["[1/2] done"]),
        (
            [LOGGED, "{not it"],
            {},
            [LOGGED, "{not it"],
        ),
    ],
)
def test_a_result_is_told_from_the_log(
    log: list[str], result: object, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert last_result(log) == result
    assert capsys.readouterr().err.splitlines() == shown
