"""Shadows are computed in a thread of their own: as many as it manages, the rest are dropped."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from recsys.events.shadows import Shadow

log = logging.getLogger(__name__)


class Shadowed(Protocol):
    """An answer with shadows; see `recsys.experiments.answer.ExperimentalAnswer`."""

    def shadows(
        self, start: int = 0, count: int | None = None, *, request_id: str, now: datetime
    ) -> list[Shadow]: ...


@dataclass(frozen=True)
class _Task:
    answer: Shadowed
    start: int
    count: int | None
    request_id: str
    now: datetime


class ShadowThread:
    """Computes and writes shadows after their answers are out.

    However slow they are, an answer never waits: what finds the queue full is dropped and counted.

    Args:
        write: of the event database: `events.shadows.add`.
        waiting: answers in the queue at most.
    """

    def __init__(self, write: Callable[[Sequence[Shadow]], object], waiting: int = 64) -> None:
        self._write = write
        self._queue: queue.Queue[_Task | None] = queue.Queue(waiting)
        self.written = self.dropped = self.failed = 0
        self._thread = threading.Thread(target=self._work, name="shadows", daemon=True)
        self._thread.start()

    def submit(
        self,
        answer: Shadowed,
        start: int = 0,
        count: int | None = None,
        *,
        request_id: str,
        now: datetime,
    ) -> bool:
        """Take an answer's shadows for later, at once; False if they are dropped instead."""
        try:
            self._queue.put_nowait(_Task(answer, start, count, request_id, now))
        except queue.Full:
            self.dropped += 1
            return False
        return True

    def close(self, timeout_s: float = 5) -> None:
        """Take no more, and wait for those that were taken, so long at most."""
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            try:
                found = task.answer.shadows(
                    task.start, task.count, request_id=task.request_id, now=task.now
                )
                if found:
                    self._write(found)
            except Exception:  # the next one may succeed; nobody waits for this one
                log.warning("the shadows of an answer were lost", exc_info=True)
                self.failed += 1
            else:
                self.written += len(found)
