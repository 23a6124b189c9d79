"""A training that an engineer sees die: the driver is killed, the run resumed and registered."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.tracking.metrics_log import read_metrics

EPOCHS, KILLED_AFTER = 12, 5


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("journey")


@pytest.fixture(scope="module")
def commonspace(workspace, small_posts):
    """Runs one command in a process of its own, as a person would."""

    def run(*arguments: str, fails: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)
        assert done.returncode == fails, done.stderr[-3000:]
        return done

    def command(*arguments: str) -> list[str]:
        settings = [f"data.posts={small_posts}", f"loop.epochs={EPOCHS}", "loop.patience=99"]
        chosen = [part for setting in settings for part in ("--set", setting)]
        start = [sys.executable, "-m", "infra.cli.main", *arguments]
        return [*start, "--workspace", str(workspace), *chosen]

    run.command = command  # type: ignore[attr-defined]
    return run


@pytest.fixture(scope="module")
def trained(commonspace, workspace) -> dict:
    """A training whose driver was killed with SIGKILL in the middle, and then resumed."""
    metrics = workspace / "runs" / "first" / "metrics.jsonl"
    driver = subprocess.Popen(
        commonspace.command("train", "--name", "first"),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while len(read_metrics(metrics)) < KILLED_AFTER:
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    reused = commonspace("train", "--name", "first", fails=5)
    assert "--resume" in reused.stderr
    try:
        done = commonspace("train", "--name", "first", "--resume", "--json")
    finally:  # what the dead driver left running
        with contextlib.suppress(ProcessLookupError):
            os.killpg(driver.pid, signal.SIGKILL)
    return json.loads(done.stdout)


def test_a_resumed_run_ends_registered_with_every_epoch_once(trained, workspace):
    lines = (workspace / "runs" / "first" / "metrics.jsonl").read_text().splitlines()
    assert [line.epoch for line in read_metrics(workspace / "runs/first/metrics.jsonl")] == list(
        range(1, EPOCHS + 1)
    )
    assert len(lines) <= EPOCHS + 3  # it went on, rather than beginning anew
    assert trained["model_version"] == 1
    assert trained["retrieval"]["joint"]["user_to_post"]["map"] > 0


def test_the_champion_is_listed_with_its_lineage(trained, commonspace):
    (model,) = json.loads(commonspace("models", "list", "--json").stdout)
    assert model["aliases"] == ["champion"]
    assert model["run_id"] == trained["mlflow_run_id"]
    assert model["data_digest"]
