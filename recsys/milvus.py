"""Opening Milvus: a server by its URI, or Milvus Lite in a folder that one process may hold.

Where a process serves the folder to all of this machine (`milvus_server`), that one is asked.
"""

import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.config import IndexConfig
from recsys.filters import Filter
from recsys.measures import MILVUS_SECONDS
from recsys.milvus_server import server_of
from training.errors import CommonspaceError, Conflict, Refused, Unavailable
from training.recorder import SILENT, Recorder

if TYPE_CHECKING:
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

_ABSENT, _RELEASED, _NO_ALIAS = 100, 101, 1600
"""Milvus' codes: no such collection (Lite: or alias), not loaded into memory, no such alias."""


class Vanished(CommonspaceError):
    """A collection or alias is not there, or not in memory: dropped, or reopened by someone."""


class Milvus:
    """A connection whose errors are ours.

    Args:
        config: says how to connect.
        workspace: what a relative folder is relative to.
        recorder: is told of each call.
    Raises: Conflict if another process holds the folder, Unavailable if the server doesn't answer,
        Refused if it doesn't take the token.
    """

    def __init__(self, config: IndexConfig, workspace: Path, recorder: Recorder = SILENT) -> None:
        self.config = config
        self._recorder = recorder
        self.location = config.location(workspace)
        server = None if config.remote else server_of(Path(self.location))
        self.shared_folder = server is not None
        self._shared = config.remote or self.shared_folder
        self._uri = server.uri if server else self.location
        if self._shared:
            self._client = self._connect()
        else:
            with _folders_lock:
                if not _folders[self.location]:
                    _claim(Path(self.location))
                self._client = self._connect()
                _folders[self.location] += 1
        self._closed = False

    def close(self) -> None:
        """Disconnect; the last connection of this process to a folder frees it for others."""
        if self._closed:
            return
        self._closed = True
        self._client.close()
        if self._shared:
            return
        from milvus_lite.server_manager import server_manager_instance

        with _folders_lock:
            _folders[self.location] -= 1
            if not _folders[self.location]:
                # closing a client leaves Lite's server running and the folder locked
                server_manager_instance.release_server(self.location)

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of `MilvusClient` by name.

        Raises: Vanished, Unavailable, Refused; MilvusException for what is a fault of ours.
        """
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        kwargs.setdefault("timeout", self.config.timeout_s)
        call: Callable[..., Any] = getattr(self._client, method)
        try:
            with self._recorder.stage(MILVUS_SECONDS, operation=method):
                return call(*args, **kwargs)
        except MilvusException as error:
            raise _translated(error, self.location) from error
        except RpcError as error:  # pymilvus lets some through as they are
            details = getattr(error, "details", None)
            said = str(details() if details else error)
            raise Unavailable(f"Milvus at {self.location} doesn't answer: {said:.200}") from error

    def condition(self, where: Filter) -> dict[str, Any]:
        """A filter as keyword arguments of `search`, `query` and `delete`."""
        if not self._templates:
            return {"filter": where.render()}
        expression, values = where.template()
        return {"filter": expression, "filter_params": values}

    @cached_property
    def _templates(self) -> bool:
        """Whether filters may have their values beside them: on a server that isn't Lite."""
        return self.config.remote and "lite" not in str(self("get_server_version")).lower()

    def _connect(self) -> "MilvusClient":
        from pymilvus import MilvusClient
        from pymilvus.exceptions import MilvusException

        # pymilvus logs each error with a traceback before it raises; ours say it once. Its import
        # sets the level, so this comes after
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        token = self.config.token.get_secret_value() if self.config.token else ""
        try:
            # Lite's server hangs up on those who ask every ten seconds whether it is there
            patient = {"grpc.keepalive_time_ms": 600_000, "grpc.keepalive_permit_without_calls": 0}
            return MilvusClient(
                self._uri,
                token=token,
                timeout=self.config.timeout_s,
                grpc_options={} if self.config.remote else patient,
            )
        except MilvusException as error:
            if not self._shared:
                raise _held(Path(self.location)) from error
            raise _translated(error, self.location) from error


# Lite runs one server per folder and process, whatever the number of clients; so the count of
# clients is the process's, too.
_folders: Counter[str] = Counter()
_folders_lock = threading.Lock()


def _claim(folder: Path) -> None:
    """Make sure that Lite will get the folder. Raises: Conflict if another process has it.

    Lite would log a traceback and return nothing; so its lock is tried beforehand.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder / "LOCK"
    if sys.platform == "win32" or not lock.exists():
        return
    import fcntl

    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _held(folder) from None


def _held(folder: Path) -> Conflict:
    return Conflict(
        f"the vectors in {folder} are in use by {_holder(folder / 'LOCK')}",
        hint="stop it; or let several processes share them, as `commonspace serve` does",
    )


def _holder(lock: Path) -> str:
    """The process that holds a file lock, as far as the system tells (Linux does)."""
    try:
        inode = os.stat(lock).st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and int(fields[5].rpartition(":")[2]) == inode:
                pid = int(fields[4])
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
                return f"process {pid} ({command.decode(errors='replace').strip():.80})"
    except (OSError, ValueError, IndexError):
        pass
    return "another process"


def _translated(error: "MilvusException", location: str) -> Exception:
    """Ours for what a user can act on; the same error for what is a fault of ours."""
    from pymilvus.exceptions import ConnectionConfigException, MilvusUnavailableException

    message = str(error.message)
    if error.code in (_ABSENT, _RELEASED, _NO_ALIAS):
        return Vanished(message)
    if "auth" in message.lower():
        return Refused(f"Milvus at {location} doesn't take the token", hint="set the index's token")
    unreachable = ("connect", "unavailable", "deadline", "retry run out", "timeout")
    if isinstance(error, ConnectionConfigException | MilvusUnavailableException) or any(
        sign in message.lower() for sign in unreachable
    ):
        return Unavailable(f"Milvus at {location} doesn't answer: {message:.200}")
    return error
