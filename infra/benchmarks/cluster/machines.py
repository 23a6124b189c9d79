"""All of the cluster, running for a while: Postgres, Milvus, MLflow, a Ray head and its workers."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.benchmarks import postgres
from infra.benchmarks.cluster.composed import COMPOSE, Here, Service, services
from infra.benchmarks.cluster.processes import Process, succeeds
from infra.serving import free_port
from training.errors import TrainingFailed

_ROOT = COMPOSE.parents[2]
_SETTINGS = COMPOSE.parents[1] / "settings"
_START_S = 400.0
_OURS = ("RAY_", "MLFLOW_", "MILVUS_", "COMMONSPACE_", "AWS_", "PG")


@dataclass
class Machines:
    """A running cluster.

    Attributes:
        folder: workspace, logs, and what stands for volumes.
        url: of the HTTP API, which answers once something is indexed.
        dashboard: where jobs are sent.
        token: of Ray.
        seconds: what each part took to start.
    """

    folder: Path
    url: str
    dashboard: str
    token: str
    seconds: dict[str, float] = field(default_factory=dict)
    _services: Mapping[str, list[Service]] = field(default_factory=dict, repr=False)

    def run(self, *arguments: str) -> str:
        """What a command of ours prints; `docker compose run --rm commonspace ARGUMENTS`.

        Raises: TrainingFailed with the end of its output if it fails.
        """
        [told] = self._services["commonspace"]
        done = subprocess.run(
            _here([told.command[0], *arguments]),
            env=_environment(told),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise TrainingFailed(f"{' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
        return done.stdout


@dataclass(frozen=True)
class _Start:
    service: Service
    command: Sequence[str]
    check: Sequence[str]


@contextmanager
def machines(folder: Path) -> Iterator[Machines]:
    """The cluster for the body of a `with`; no process of it is left afterwards.

    Args:
        folder: for all that it keeps.
    Raises: Unavailable without Postgres, or if a part does not start.
    """
    with ExitStack() as stack:
        database = stack.enter_context(postgres.cluster(careless=True))
        rays = Path(tempfile.mkdtemp(prefix="cs-ray-"))  # short: Ray's sockets lie in it
        stack.callback(_end_of, rays, folder / "ray-logs")
        token = _secrets(folder / "secrets")
        here = Here(
            folders={
                "/run/secrets": folder / "secrets",
                "/etc/commonspace": folder / "settings",
                "/var/lib/commonspace": folder / "workspace",
                "s3://mlflow": folder / "artifacts",
            },
            database=lambda name: database.url(name),
            free_port=lambda: free_port("127.0.0.1"),
        )
        for name in ("events", "mlflow"):
            database.create(name)
        told = services(here)
        _settings(folder, here, frozenset(told))
        running = Machines(
            folder,
            url=f"http://127.0.0.1:{here.port('ray-head', 8000)}",
            dashboard=f"http://127.0.0.1:{here.port('ray-head', 8265)}",
            token=token,
            _services=told,
        )
        for start in _plan(here, told, rays, folder):
            begun = time.monotonic()
            name, environment = start.service.name, _environment(start.service)
            process = Process(name, _here(start.command), environment, folder)
            stack.callback(process.stop)
            check = _here(start.check)
            process.await_ready(lambda c=check, e=environment: succeeds(c, e), _START_S)
            running.seconds[name] = round(time.monotonic() - begun, 1)
        yield running


def _plan(here: Here, told: Mapping[str, list[Service]], rays: Path, folder: Path) -> list[_Start]:
    """What is started one after the other, as the compose file's `depends_on` has it."""
    port = here.port("milvus", 19530)
    lite = ["milvus-lite", "server", "--data-dir", str(folder / "milvus"), "--host", "127.0.0.1"]
    asked = f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"
    alone = [  # several nodes on one machine
        *("--node-ip-address=127.0.0.1", "--min-worker-port=0", "--max-worker-port=0"),
        "--object-store-memory=200000000",
    ]
    [milvus], [mlflow], [head], [serve] = (
        told[name] for name in ("milvus", "mlflow", "ray-head", "serve")
    )
    clients = f"--ray-client-server-port={here.free_port()}"

    def node(one: Service, *more: str) -> _Start:
        # each has a folder of its own, as in a container: nodes throw away what others still use
        folder = rays / one.name.removeprefix("ray-")
        return _Start(one, [*one.command, *alone, f"--temp-dir={folder}", *more], one.check)

    return [
        _Start(milvus, [*lite, "--port", str(port)], ["python", "-c", asked]),
        _Start(mlflow, mlflow.command, mlflow.check),
        node(head, clients),
        *(node(one) for one in told["ray-worker"]),
        _Start(serve, serve.command, ["true"]),  # it has nothing to serve yet
    ]


def _end_of(rays: Path, logs: Path) -> None:
    """Keep the nodes' logs and remove the rest."""
    for node in rays.iterdir():
        with contextlib.suppress(OSError, shutil.Error):
            shutil.copytree(node / "session_latest" / "logs", logs / node.name)
    shutil.rmtree(rays, ignore_errors=True)


def _secrets(folder: Path) -> str:
    """As make-secrets.sh makes them; Ray's token."""
    subprocess.run([str(COMPOSE.with_name("make-secrets.sh")), str(folder)], check=True)
    return (folder / "ray_token").read_text()


def _settings(folder: Path, here: Here, hosts: frozenset[str]) -> None:
    """The files of settings, with this machine's addresses."""
    for name in ("workspace", "artifacts", "settings"):
        (folder / name).mkdir()
    for file in _SETTINGS.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        text = text.replace("port: 8000", f"port: {here.port('ray-head', 8000)}")
        (folder / "settings" / file.name).write_text(here.text(text, "ray-head", hosts))


def _environment(service: Service) -> dict[str, str]:
    """The service's variables over those of this process that mean nothing to us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    programs = Path(sys.executable).parent
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **kept,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(paths),
        "RAY_memory_monitor_refresh_ms": "0",  # it would count what other programs here use
        # a raylet gives its agents 15 s to start and dies; what is not up by then never will be
        "RAY_raylet_start_wait_time_s": "20",
        **service.environment,
    }


def _here(command: Sequence[str]) -> list[str]:
    """A command with the programs of this environment."""
    ours = {"python": [sys.executable], "commonspace": [sys.executable, "-m", "infra.cli.main"]}
    first, *rest = command
    return [*ours.get(first, [first]), *rest]
