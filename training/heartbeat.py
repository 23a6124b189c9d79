"""How workers notice by themselves that nobody waits for them any more.

Ray ends a dead driver's workers within seconds where it notices the death; a network that is cut,
or a machine that is gone, it notices late or never. So the driver touches the run's `owner` file
every few seconds, and each worker watches the file from a thread: a worker whose file has another
owner's token, or hasn't been touched for `patience_s`, ends itself in the middle of an epoch, and
leaves a mark that keeps the rest of its group, and the groups that Ray starts in its place, from
going on. Only changes of the file's time count, so clocks of machines need not agree.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from training.checkpoint import OWNER

log = logging.getLogger(__name__)

BEAT_S = 2.0
"""Between two signs of life, and between two looks at them."""
ENDED = 113
"""Exit code of a worker that ended itself."""


class Heartbeat:
    """The driver's signs of life while a `with` lasts.

    Args:
        folder: of the run, which the caller owns.
        token: of the owner.
        also: called with every beat and once at the end, from the beat's thread.
    """

    def __init__(self, folder: Path, token: str, also: Callable[[], None] | None = None) -> None:
        self._folder, self._token, self._also = folder, token, also
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._also is not None:
            self._also()

    def _beat(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # a full or absent disk: the next beat may succeed
                if _token(self._folder) == self._token:
                    os.utime(self._folder / OWNER)
            if self._also is not None:
                try:
                    self._also()
                except Exception:
                    log.exception("what goes with the heartbeat failed")
            if self._ended.wait(BEAT_S):
                return


class Watchdog:
    """A worker's eye on the driver while a `with` lasts.

    Args:
        folder: of the run.
        token: of the driver that this worker works for.
        patience_s: without a sign of life.
        end: called with the reason; the default ends the process at once, since the main thread may
            wait in a collective that never returns.
    """

    def __init__(
        self,
        folder: Path,
        token: str,
        patience_s: float,
        end: Callable[[str], None] | None = None,
    ) -> None:
        self._folder, self._token, self._patience_s = folder, token, patience_s
        self._end = end or _end_process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._ended.set()

    def _watch(self) -> None:
        last, seen = None, time.monotonic()
        pause = min(BEAT_S, self._patience_s / 3)
        while not self._ended.wait(pause):
            beat = _last_beat(self._folder)
            if beat is not None and beat != last:
                last, seen = beat, time.monotonic()
            elif time.monotonic() - seen > self._patience_s:
                abandon(self._folder, self._token)
            reason = superseded(self._folder, self._token)
            if reason:
                self._end(reason)
                return


def superseded(folder: Path, token: str) -> str:
    """Why workers with this token must stop; empty if they may go on."""
    try:
        if _token(folder) != token:
            return f"run {folder.name!r} has a new driver; this one stops"
    except OSError:  # an absent disk is no new driver: the watchdog's patience decides
        pass
    if _mark(folder, token).exists():
        return f"the driver of run {folder.name!r} gave no sign of life; its workers stopped"
    return ""


def abandon(folder: Path, token: str) -> None:
    """Mark that this token's driver is thought dead. A new driver has another token."""
    with contextlib.suppress(OSError):
        _mark(folder, token).touch()


def _mark(folder: Path, token: str) -> Path:
    return folder / f"abandoned.{token}"


def _token(folder: Path) -> str:
    try:
        return (folder / OWNER).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _last_beat(folder: Path) -> int | None:
    """The file's time. Opening it makes a network file system look at the server's."""
    try:
        with (folder / OWNER).open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return None


def _end_process(reason: str) -> None:
    log.error("%s", reason)
    os._exit(ENDED)
