"""A `commonspace serve` in a process of its own, to be measured and killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import requests

from infra.serving import free_port
from training.errors import Unavailable

_START_S = 180.0
_STOP_S = 60.0
_SAID = 4000


class Served:
    """The running service.

    Args:
        workspace: with a model and an index.
        settings: `field=value`.
        log: where its output goes.
        port: 0 takes a free one.
    """

    def __init__(
        self, workspace: Path, settings: Sequence[str] = (), log: Path | None = None, port: int = 0
    ) -> None:
        self.port = port or free_port("127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [
            *(sys.executable, "-m", "infra.cli.main", "serve", "--workspace", str(workspace)),
            *("--port", str(self.port)),
            *(part for setting in settings for part in ("--set", setting)),
        ]
        self._log = log or workspace / "serve.log"
        self.start()

    def start(self) -> float:
        """Start it and wait until it is ready; the seconds that took."""
        begun = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() - begun > _START_S:
                self.kill()
                raise Unavailable(f"the service did not start; see {self._log}")
            time.sleep(0.1)
        self.seconds_to_ready = time.monotonic() - begun
        return self.seconds_to_ready

    def ready(self) -> bool:
        """Whether every part answers."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=10).status_code == 200
        except requests.RequestException:
            return False

    def said(self) -> str:
        """The end of its output."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-_SAID:]

    @property
    def pid(self) -> int:
        """Of `commonspace serve` itself."""
        return self._process.pid

    def replicas(self) -> dict[str, list[psutil.Process]]:
        """Processes of the deployments by name, and of the vectors' server as `vectors`."""
        found: dict[str, list[psutil.Process]] = {}
        for process in psutil.Process(self._process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                title = " ".join(process.cmdline())
                if title.startswith("ray::ServeReplica:"):
                    found.setdefault(_deployment(title), []).append(process)
                elif "recsys.milvus_server" in title:
                    found.setdefault("vectors", []).append(process)
        return found

    def memory_mb(self) -> dict[str, float]:
        """Private memory (USS) of each process of the deployments, proxy and vectors."""
        found: dict[str, float] = {}
        for process in psutil.Process(self._process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                title = " ".join(process.cmdline())
                if title.startswith(("ray::ServeReplica", "ray::ProxyActor")) or (
                    "recsys.milvus_server" in title
                ):
                    found[title.split()[0] + str(process.pid)] = (
                        process.memory_full_info().uss / 1e6
                    )
        return found

    def kill(self) -> None:
        """SIGKILL everything that belongs to it: driver, Ray, replicas, the vectors' server."""
        with contextlib.suppress(psutil.Error):
            whole = psutil.Process(self._process.pid)
            doomed = [whole, *whole.children(recursive=True)]
            for process in doomed:
                with contextlib.suppress(psutil.Error):
                    os.kill(process.pid, signal.SIGKILL)
            psutil.wait_procs(doomed, timeout=10)
        self._process.wait()

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return -1


@contextlib.contextmanager
def served(
    workspace: Path, settings: Sequence[str] = (), log: Path | None = None
) -> Iterator[Served]:
    """A service for the body of a `with`; nothing of it is left afterwards."""
    service = Served(workspace, settings, log)
    try:
        yield service
    finally:
        service.stop()


def _deployment(title: str) -> str:
    """`text` of `ray::ServeReplica:commonspace:text.encode`; the method comes and goes."""
    return title.split()[0].split(":")[4].partition(".")[0]
