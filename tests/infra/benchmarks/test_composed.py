"""What a compose file says, told in terms of this machine."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from infra.benchmarks.cluster.composed import COMPOSE, Here, Service, services


@pytest.fixture
def here() -> Here:
    ports = count(20_001)
    return Here(
        folders={"/run/secrets": Path("/kept"), "/run/secrets/deep": Path("/deeper")},
        database=lambda name: f"postgresql+psycopg://me@/{name}?host=/socket",
        free_port=lambda: next(ports),
    )


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "compose.yaml"
    file.write_text(
        """
x-environment: &environment {TOKEN_FILE: /run/secrets/token, EXTRA: "${UNSET:-x:1}"}
services:
  web:
    entrypoint: [sh, -c, 'echo "$$1"']
    command: [serve, --port=80, "--db=postgresql+psycopg://u@postgres:5432/shop", "http://api:90/a"]
    healthcheck: {test: [CMD, curl, "http://127.0.0.1:80"]}
    environment: *environment
    deploy: {replicas: 2}
  api: {command: [api, --listen, "0.0.0.0:90", --other=web-api:90, /run/secrets/deep/one]}
  postgres: {image: "postgres:1"}
"""
    )
    yield file


def test_hosts_ports_paths_and_databases_become_this_machines(here: Here, file: Path) -> None:
    found = services(here, file)
    assert set(found) == {"web", "api"}
    first, second = found["web"]
    api = here.port("api", 90)
    assert first.command == (
        *("sh", "-c", 'echo "$1"', "serve", f"--port={here.port('web', 80)}"),
        "--db=postgresql+psycopg://me@/shop?host=/socket",
        f"http://127.0.0.1:{api}/a",
    )
    assert first.check == ("curl", f"http://127.0.0.1:{here.port('web', 80)}")
    assert first.environment == {"TOKEN_FILE": "/kept/token", "EXTRA": "x:1"}
    assert f"--port={here.port('web-1', 80)}" in second.command
    assert here.port("web", 80) != here.port("web-1", 80)
    [only] = found["api"]
    assert only == Service(
        "api", ("api", "--listen", f"127.0.0.1:{api}", "--other=web-api:90", "/deeper/one"), (), {}
    )


def test_what_cannot_run_here_is_all_that_has_a_stand_in(here: Here) -> None:
    """Commands of ours run as they are: a program that is renamed would be seen here."""
    programs = {name: found[0].command[0] for name, found in services(here, COMPOSE).items()}
    ours = ("ray-head", "ray-worker", "serve", "commonspace", "mlflow")
    assert {name: programs[name] for name in ours} == {
        "ray-head": "ray",
        "ray-worker": "ray",
        "serve": "/bin/sh",
        "commonspace": "commonspace",
        "mlflow": "/bin/sh",
    }
    assert len(services(here, COMPOSE)["ray-worker"]) == 2
