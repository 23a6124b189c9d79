import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext

import pytest

from infra.local import STARTS, RayConfig, ray_session, usable_cpus
from infra.quiet import quiet
from training.errors import Unavailable

# In a process of its own: the other tests of this one may share a session.
SESSION = """
import json, os, sys, time
from infra.quiet import quiet
quiet()
import ray
from infra.local import RayConfig, ray_session

def work():
    print("a worker's own words", file=sys.stderr)
    for message in (
        "Failed to query Ray Train Controller actor state. State API may be temporarily",
        "[2026-01-01 12:00:00 E 1 1] core_worker.cc:2465: Actor with class name: 'MapWorker' "
        "has constructor arguments in the object store and max_restarts > 0. If the arguments",
        "Reporting training result 2: TrainingReport(checkpoint=None)",
        "- (ip=10.0.0.1, pid=14328) world_rank=0, local_rank=0, node_rank=0",
    ):
        print("noise:", message, file=sys.stderr)
    return os.environ["RAY_ADDRESS"]

with ray_session(RayConfig(cpus=1, object_store_mb=100)):
    resources = ray.cluster_resources()
    own = ray.get(ray.remote(work).remote()) == ray.get_runtime_context().gcs_address
    with ray_session(RayConfig(cpus=8)):
        inner = ray.cluster_resources()["CPU"]
    still = ray.is_initialized()
    time.sleep(2)  # what a worker prints takes a moment to get here
print(json.dumps([resources, own, inner, still, ray.is_initialized()]))
"""


def test_a_session_is_small_quiet_and_over_at_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", SESSION], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    resources, own, inner, still, after = json.loads(done.stdout.splitlines()[-1])
    assert resources["CPU"] == 1
    assert resources["object_store_memory"] == pytest.approx(100e6)
    assert own  # whatever other Ray runs on the machine
    assert inner == 1  # a session that is open is used
    assert (still, after) == (True, False)
    assert "a worker's own words" in done.stderr
    assert "noise:" not in done.stderr
    assert "oken authentication" not in done.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:port"])
def test_a_cluster_that_does_not_answer_is_told_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=address), ray_session(RayConfig(address=address)):
        pass
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("failures", [1, STARTS])
def test_a_busy_machine_is_given_another_try(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[object] = []

    def init(**_: object) -> None:
        starts.append(_)
        if len(starts) <= failures:
            raise Exception("The current node timed out during startup. This could happen")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", init)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    told = (
        pytest.raises(Unavailable, match="did not start") if failures == STARTS else nullcontext()
    )
    with told, ray_session(RayConfig()):
        pass
    assert len(starts) == min(failures + 1, STARTS)


def test_a_users_own_choice_of_noise_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setenv("RAY_DEDUP_LOGS_SKIP_REGEX", "mine")
    quiet()
    assert os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] == "mine"


def test_usable_processors() -> None:
    assert 1 <= len(usable_cpus()) <= (os.cpu_count() or 1)
