"""Milvus Lite as a server process of its own, so that several processes share one folder.

Lite lets one process hold a folder. The owner of a server (`commonspace serve`) starts it as a
child; it listens on loopback only, writes its address beside the folder, where `recsys.milvus`
looks first, and ends when its owner does, however that one ends.
"""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from training.errors import Conflict, Unavailable

_HOST = "127.0.0.1"
_START_S, _STOP_S, _POLL_S = 60.0, 15.0, 1.0
_SILENT = 10
"""Connections in a row that a running server may refuse or leave waiting before it is replaced."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """Where the server of a folder is.

    Attributes:
        pid: of the server.
        port: on loopback.
    """

    pid: int
    port: int

    @property
    def uri(self) -> str:
        """As `MilvusClient` takes it."""
        return f"http://{_HOST}:{self.port}"


def server_of(folder: Path) -> Address | None:
    """The running server that holds a folder, if there is one."""
    try:
        address = Address(**json.loads(_announcement(folder).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return address if _answers(address.port) else None


class LocalServer:
    """Keeps a server of Milvus Lite running: starts it, starts it again if it dies, stops it.

    Args:
        folder: of Milvus Lite.
        port: on loopback; 0 chooses a free one, which a restart keeps.
    Raises: Conflict if another process holds the folder; Unavailable if it doesn't start.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        held = server_of(folder)
        if held is not None and _wait_until_gone(folder, held):
            raise Conflict(
                f"the vectors in {folder} are served by process {held.pid} already",
                hint="stop the other `commonspace serve`, or give this one a workspace of its own",
            )
        self.address = self._start(port)
        self._watcher = threading.Thread(target=self._watch, name="milvus-lite", daemon=True)
        self._watcher.start()

    def healthy(self) -> bool:
        """Whether it takes connections now."""
        return _answers(self.address.port)

    def stop(self) -> None:
        """End the server; what was written is on disk, and the folder is free afterwards."""
        self._ended.set()
        self._watcher.join()
        with self._lock:
            _end(self._process)
        _announcement(self._folder).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self, port: int) -> Address:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "recsys.milvus_server", str(self._folder), str(port)]
        # a group of its own: Ctrl-C goes to the owner, who stops it last
        log = self._folder.with_name(f"{self._folder.name}.server.log")
        with log.open("wb") as said:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=_environment(),
                start_new_session=True,
            )
        self._process = process
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and process.poll() is None:
            address = server_of(self._folder)
            if address is not None and address.pid == process.pid:
                return address
            time.sleep(0.05)
        _end(process)
        raise Unavailable(
            f"the server of the vectors in {self._folder} did not start; see {log}",
            hint="another process may hold the folder: stop it, or set index.uri to a server's",
        )

    def _watch(self) -> None:
        silent = 0
        while not self._ended.wait(_POLL_S):
            assert self._process is not None
            if self._process.poll() is None:
                silent = 0 if self.healthy() else silent + 1
                if silent < _SILENT:
                    continue
                self._process.kill()  # it is there, but takes no connections
                self._process.wait()
            silent = 0
            _log.warning("the server of the vectors ended (%s): again", self._process.returncode)
            self.restarts += 1
            try:
                with self._lock:
                    self.address = self._start(self.address.port)
            except Unavailable as error:
                _log.error("%s", error)


def main(folder: str, port: str) -> None:
    """The server's own process: serve until told to stop, or until the owner is gone."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    owner = os.getppid()
    asked = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: asked.set())
    server, database, bound = start_server_in_thread(folder, _HOST, int(port))
    if not bound:
        raise SystemExit(f"port {port} is taken")
    announcement = _announcement(Path(folder))
    draft = announcement.with_name(f".{announcement.name}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(Address(os.getpid(), bound))), encoding="utf-8")
    os.replace(draft, announcement)
    while not asked.wait(_POLL_S / 2):
        if os.getppid() != owner:  # the owner was killed
            break
    server.stop(grace=2).wait()
    database.close()


def _announcement(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.server.json")


def _answers(port: int) -> bool:
    try:
        socket.create_connection((_HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait_until_gone(folder: Path, held: Address) -> bool:
    """Whether the server is there to stay; that of a killed owner goes within seconds."""
    for _ in range(10):
        if server_of(folder) != held:
            return False
        time.sleep(0.5)
    return True


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment() -> Mapping[str, str]:
    """The owner's, with the product importable wherever it was started."""
    root = str(Path(__file__).resolve().parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


if __name__ == "__main__":
    main(*sys.argv[1:])
