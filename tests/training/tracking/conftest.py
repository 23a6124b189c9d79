import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from training.errors import Unavailable
from training.tracking import registry
from training.tracking.artifact import SPACE_PATH
from training.tracking.config import GateConfig, TrackingConfig
from training.tracking.run import TrackedRun, open_run
from training.tracking.server import MLFLOW_SETTINGS, Tracking
from training.tracking.versions import ModelVersion


@pytest.fixture(scope="session", autouse=True)
def mlflow_settings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in MLFLOW_SETTINGS.items():
            environment.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables: making them takes seconds, a copy none."""
    workspace = tmp_path_factory.mktemp("fresh")
    Tracking(TrackingConfig(), workspace).connect()
    return workspace / "mlflow.db"


@pytest.fixture
def tracking(fresh_database: Path, tmp_path: Path) -> Tracking:
    workspace = tmp_path / "work space"
    workspace.mkdir()
    shutil.copy(fresh_database, workspace / "mlflow.db")
    return Tracking(TrackingConfig(gate=GateConfig(metric="validation/mrr")), workspace)


@pytest.fixture
def run(tracking: Tracking, tmp_path: Path) -> TrackedRun:
    run = open_run(tracking, tmp_path / "run", name="first")
    run.log_data("d" * 64, source="sample", counts={"posts": 7})
    return run


@pytest.fixture
def space_files(tmp_path: Path) -> Callable[[float], Path]:
    """The files of a space, enough to be registered; loading one is tested with a real one."""

    def write(value: float = 0.0) -> Path:
        folder = tmp_path / f"space-{value}"
        folder.mkdir(exist_ok=True)
        (folder / "space.json").write_text(json.dumps({"model": {"dimension": 8}}))
        save_file({"weight": np.full(3, value, np.float32)}, folder / "model.safetensors")
        return folder

    return write


@pytest.fixture
def registered(
    tracking: Tracking,
    run: TrackedRun,
    space_files: Callable[[float], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., ModelVersion]:
    """Registers another version with a score; another `digest` makes it one of other data.

    Of the artifact only the space's files are written: source and signature cost a second each time
    and are tested once, with the real thing.
    """
    monkeypatch.setattr(
        registry,
        "build_model",
        lambda space, target, model, card: shutil.copytree(space, target / SPACE_PATH),
    )

    def make(score: float, *, digest: str = "d" * 64, split: str = "validation") -> ModelVersion:
        run.log_data(digest, source="sample", counts={"posts": 7})
        metrics = {"validation/mrr": score}
        folder = space_files(next(numbers))
        return registry.register(tracking, run.run_id, folder, metrics=metrics, split=split)

    numbers = itertools.count(1.0)
    return make


class Relay:
    """A loopback port in front of a server, which can be cut off and restored.

    Attributes:
        lose_answers_to: a piece of a request; the answer to the next request that holds it is lost.
    """

    def __init__(self, target: int) -> None:
        self._target, self._open = target, []
        self._listener: socket.socket | None = None
        self.lose_answers_to: bytes | None = None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.restore()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def restore(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        if self._listener:
            # Closing alone would not wake `accept`, and the port would stay open.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for each in self._open:
            each.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            lost = threading.Event()
            for pump in (self._ask, self._answer):
                threading.Thread(target=pump, args=(near, far, lost), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := near.recv(65536):
                if self.lose_answers_to and self.lose_answers_to in chunk:
                    self.lose_answers_to = None
                    lost.set()
                far.sendall(chunk)
            far.shutdown(socket.SHUT_WR)

    def _answer(self, near: socket.socket, far: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := far.recv(65536):
                if lost.is_set():
                    break
                near.sendall(chunk)
            near.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="session")
def server_port(
    fresh_database: Path, tmp_path_factory: pytest.TempPathFactory, mlflow_settings: None
) -> Iterator[int]:
    """A real MLflow server on loopback."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(fresh_database, folder / "mlflow.db")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--artifacts-destination", str(folder / "a")]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
    try:
        wait_for(Tracking(TrackingConfig(uri=f"http://127.0.0.1:{port}"), folder), server)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(tracking: Tracking, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert server.poll() is None, "the server did not start"
        try:
            return tracking.connect()
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.fixture
def relay(server_port: int) -> Iterator[Relay]:
    relay = Relay(server_port)
    yield relay
    relay.cut()


@pytest.fixture
def remote(relay: Relay, tmp_path: Path) -> Tracking:
    """A connection to the real server, through the relay."""
    config = TrackingConfig(uri=relay.uri, patience_s=30)
    return Tracking(config, tmp_path / "client")
