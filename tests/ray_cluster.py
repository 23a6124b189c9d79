"""A Ray head on loopback that asks for a token: what `ray start --head` gives, on free ports."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

START_S, STOP_S = 120, 3
_STARTS = 3
_READY = "Ray runtime started"


@dataclass(frozen=True)
class Cluster:
    """Where it takes jobs, and the token that it asks for."""

    address: str
    token: str


@pytest.fixture(scope="session")
def job_cluster() -> Iterator[Cluster]:
    """One cluster of two CPUs for all tests that submit jobs, apart from any other Ray here."""
    for _ in range(_STARTS - 1):  # Ray gives itself 30 s, too little for a busy machine
        with contextlib.suppress(_NotStarted), _started() as cluster:
            yield cluster
            return
    with _started() as cluster:
        yield cluster


class _NotStarted(Exception):
    """The head ended, or hung, before it was ready."""


@contextlib.contextmanager
def _started() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: Ray's sockets lie in it
    port = _free_port()
    cluster = Cluster(f"http://127.0.0.1:{port}", secrets.token_hex(16))
    binaries = Path(sys.executable).parent
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RAY_", "MLFLOW_", "COMMONSPACE_"))
    } | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": cluster.token,
        "RAY_memory_monitor_refresh_ms": "0",  # it would count what other programs here use
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",  # a job's `python` is this one
    }
    command = [
        *(str(binaries / "ray"), "start", "--head", "--block", "--disable-usage-stats"),
        *("--node-ip-address", "127.0.0.1", "--port", str(_free_port())),
        *("--dashboard-host", "127.0.0.1", "--dashboard-port", str(port)),
        *("--dashboard-agent-listen-port", "0", "--ray-client-server-port", str(_free_port())),
        *("--min-worker-port", "0", "--max-worker-port", "0"),
        *("--num-cpus", "2", "--object-store-memory", "100000000", "--temp-dir", str(folder)),
    ]
    log = folder / "start.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait(cluster.address, process, log)
        yield cluster
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)  # with --block it takes its children along, but not in a hurry
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its session is its own
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api/version", timeout=5).close()
        except urllib.error.HTTPError as error:
            # it is there and asks for the token; and the node takes jobs, a while later
            if error.code == 401 and _READY in log.read_text():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise _NotStarted(f"no cluster within {START_S} s:\n{log.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
