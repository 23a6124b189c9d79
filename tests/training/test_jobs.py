from typing import TYPE_CHECKING

import pytest

from training.errors import BadConfig, NotFound, Refused, Unavailable
from training.job_runtime import (
    JobConfig,
    pinned_requirements,
    product_packages,
    runtime_environment,
)
from training.jobs import Jobs

if TYPE_CHECKING:
    from tests.ray_cluster import Cluster

pytest_plugins = ["tests.ray_cluster"]

SHOW = """
import os, sys, infra, recsys, training.errors
print("packages from", training.__file__)
print("settings:", open("settings.txt").read())
print("variable:", os.environ["GREETING"], "token" if os.environ.get("RAY_AUTH_MODE") else "")
import ray
ray.init(logging_level="ERROR")
print("worker:", ray.get(ray.remote(lambda: __import__("training").__name__).remote()))
sys.stderr.write("no newline at the end")
"""


@pytest.fixture(scope="module")
def jobs(job_cluster: "Cluster") -> Jobs:
    return Jobs(job_cluster.address, job_cluster.token)


@pytest.fixture(scope="module")
def done(jobs: Jobs) -> str:
    """A job that has ended well."""
    config = JobConfig(environment={"GREETING": "good day"}, metadata={"by": "test"})
    job_id = jobs.submit(["python", "-c", SHOW], config, {"settings.txt": "loop: it's 5; $HOME"})
    assert jobs.wait(job_id, patience_s=120).status == "SUCCEEDED", jobs.logs(job_id)
    return job_id


def test_a_job_runs_our_packages_with_its_files_and_variables(jobs: Jobs, done: str) -> None:
    lines = list(jobs.follow(done))
    assert "settings: loop: it's 5; $HOME" in lines
    assert "variable: good day token" in lines
    assert "worker: training" in lines  # it joined its own cluster, token and all
    assert any(line.startswith("packages from") and "py_modules" in line for line in lines)
    assert lines[-1] == "no newline at the end"
    assert jobs.logs(done).splitlines() == lines
    job = jobs.get(done)
    assert job.has_ended and job.started and job.ended and job.started < job.ended


def test_a_broken_stream_goes_on_where_it_broke(
    jobs: Jobs, done: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, log = jobs._client, jobs.logs(done)
    real = client.tail_job_logs
    breaks = iter([log.index("variable") + 3, 3])  # characters until it breaks: inside a line

    async def breaking(job_id: str):
        left = next(breaks, None)
        if left is None:
            async for chunk in real(job_id):
                yield chunk
            return
        yield log[:left]
        raise RuntimeError("WebSocket connection closed unexpectedly with close code 1006")

    monkeypatch.setattr(client, "tail_job_logs", breaking)
    monkeypatch.setattr("training.jobs.time.sleep", lambda seconds: None)
    assert list(jobs.follow(done)) == log.splitlines()


def test_jobs_are_followed_waited_for_stopped_and_listed(jobs: Jobs, done: str) -> None:
    endless = "import time\nprint('begun; $HOME', 'it\\'s')\ntime.sleep(600)"
    job_id = jobs.submit(["python", "-u", "-c", endless], JobConfig(runtime="none"))
    for line in jobs.follow(job_id):
        if line == "begun; $HOME it's":  # as it comes, and quoted: no shell read it
            break
    assert jobs.get(job_id).status == "RUNNING"
    with pytest.raises(Unavailable, match=job_id):
        jobs.wait(job_id, patience_s=0.5)
    assert jobs.stop(job_id).status == "STOPPED"
    assert jobs.stop(job_id).status == "STOPPED"  # again is no error
    listed = [job.id for job in jobs.list()]
    assert listed.index(job_id) < listed.index(done)


def test_a_failing_job_tells_so(jobs: Jobs) -> None:
    job_id = jobs.submit(["python", "-c", "raise SystemExit(3)"], JobConfig(runtime="none"))
    job = jobs.wait(job_id, patience_s=120)
    assert job.status == "FAILED"
    assert "3" in job.message


def test_an_unknown_job_is_not_found(jobs: Jobs) -> None:
    for ask in (jobs.get, jobs.logs, jobs.stop, lambda job_id: list(jobs.follow(job_id))):
        with pytest.raises(NotFound, match="raysubmit_nobody"):
            ask("raysubmit_nobody")


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        (None, "asks for a token"),
        ("wrong", "refuses the token"),
        ("new\nline", "no token has"),
    ],
)
def test_a_wrong_token_is_refused(job_cluster: "Cluster", token: str | None, problem: str) -> None:
    with pytest.raises(Refused, match=problem) as caught:
        Jobs(job_cluster.address, token)
    assert job_cluster.token not in str(caught.value)


def test_the_named_address_wins_over_the_environment(
    job_cluster: "Cluster", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:1")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:2")
    assert Jobs(job_cluster.address, job_cluster.token).address == job_cluster.address


def test_a_silent_address_is_unavailable() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        Jobs("127.0.0.1:1", "token")


@pytest.mark.parametrize("address", ["ray://head:10001", "http://", "s3://bucket"])
def test_an_address_that_is_no_job_server(address: str) -> None:
    with pytest.raises(BadConfig, match="dashboard"):
        Jobs(address)


def test_runtimes(tmp_path) -> None:
    names = [path.name for path in product_packages()]
    assert names == ["training", "recsys", "serving", "infra"]
    assert runtime_environment(JobConfig(runtime="none"), tmp_path) == {
        "working_dir": str(tmp_path),
        "excludes": ["**/__pycache__/", "*.pyc"],
    }
    whole = runtime_environment(JobConfig(runtime="pip"), tmp_path)
    assert whole["py_modules"] == [str(path) for path in product_packages()]
    assert whole["pip"]["packages"] == pinned_requirements()


def test_requirements_are_pinned_to_what_is_installed() -> None:
    import torch

    pinned = pinned_requirements()
    assert f"torch=={torch.__version__.partition('+')[0]}" in pinned
    assert any(each.startswith("ray[") and "==" in each for each in pinned)
    assert not any(each.startswith(("pytest", "s3fs")) for each in pinned)  # no extras
