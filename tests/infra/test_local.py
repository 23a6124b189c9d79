import json
import logging
import os
import subprocess
import sys
import time

import pytest

from infra.local import RayConfig, ray_session, usable_cpus
from infra.quiet import quiet
from training.errors import Unavailable

CLEANER = "ray.train.v2._internal.execution.controller.placement_group_cleaner"

# In a process of its own: the other tests of this one may share a session.
SESSION = f"""
import json, logging, os, ray
from infra.local import RayConfig, ray_session

def logged_by_a_worker():
    seen = []
    class Keep(logging.Handler):
        def emit(self, record):
            seen.append(record.getMessage())
    logger = logging.getLogger("{CLEANER}")
    logger.addHandler(Keep())
    logger.warning("Failed to query Ray Train Controller actor state. Continuing to monitor.")
    logger.warning("Failed to clean up placement group")
    return seen

with ray_session(RayConfig(cpus=1, object_store_mb=100)):
    resources = ray.cluster_resources()
    logged = ray.get(ray.remote(logged_by_a_worker).remote())
    address = ray.get(ray.remote(lambda: os.environ["RAY_ADDRESS"]).remote())
    own = address == ray.get_runtime_context().gcs_address
    with ray_session(RayConfig(cpus=8)):
        inner = ray.cluster_resources()["CPU"]
    still = ray.is_initialized()
print(json.dumps([resources, logged, own, inner, still, ray.is_initialized()]))
"""


def test_a_session_is_small_quiet_and_over_at_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", SESSION], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    resources, logged, own, inner, still, after = json.loads(done.stdout.splitlines()[-1])
    assert resources["CPU"] == 1
    assert resources["object_store_memory"] == pytest.approx(100e6)
    assert logged == ["Failed to clean up placement group"]
    assert own  # whatever other Ray runs on the machine
    assert inner == 1  # a session that is open is used
    assert (still, after) == (True, False)
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


def test_silencing_twice_is_silencing_once() -> None:
    quiet()
    filters = len(logging.getLogger(CLEANER).filters)
    quiet()
    assert len(logging.getLogger(CLEANER).filters) == filters


def test_usable_processors() -> None:
    assert 1 <= len(usable_cpus()) <= (os.cpu_count() or 1)
