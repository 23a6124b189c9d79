"""The cluster of the compose file as processes: they start from one file of settings, and agree.

The whole way, from a training to a recommendation, is `make check-cluster`; this is its beginning.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from infra.benchmarks import postgres
from infra.benchmarks.cluster.journey import nodes, service
from infra.benchmarks.cluster.machines import Machines, machines

pytestmark = pytest.mark.skipif(
    postgres.programs() is None, reason="no Postgres: apt-get install postgresql"
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("cluster")
    with machines(folder) as running:
        yield running
    assert list(_named_in_environments(folder)) == []


def _named_in_environments(folder: Path) -> Iterator[str]:
    """Processes that were given settings of the folder, which all of the cluster's are."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("COMMONSPACE_CONFIG", "").startswith(str(folder)):
                yield process.name()


def test_head_and_workers_are_one_cluster_that_asks_for_its_token(cluster: Machines) -> None:
    assert nodes(cluster) == 3
    assert requests.get(f"{cluster.dashboard}/api/jobs/", timeout=30).status_code == 401
    assert json.loads(cluster.run("jobs", "list", "--json")) == []


def test_commands_find_mlflow_and_postgres_by_the_settings(cluster: Machines) -> None:
    assert json.loads(cluster.run("models", "list", "--json")) == []  # of MLflow, on Postgres
    key = cluster.run("keys", "create", "--name", "me", "--scope", "read").strip()
    assert key.startswith("cs_")
    assert not list((cluster.folder / "workspace").glob("*.db"))  # nothing fell back to a file


def test_the_service_is_deployed_and_waits_for_an_index(cluster: Machines) -> None:
    deadline = time.monotonic() + 60
    while service(cluster).get("status") in (None, "NOT_STARTED"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert service(cluster)["status"] == "DEPLOYING", service(cluster)["message"]
