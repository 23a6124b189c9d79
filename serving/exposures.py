"""The log of what was shown: written after the answer, and rather not at all than in its way."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass

from recsys.events.exposures import Exposure
from serving.measures import EXPOSURES
from serving.wire.answers import Recommendations
from training.recorder import Recorder

_MOST = 10_000
_AT_ONCE = 500
_LINGER_S = 0.2
"""How long a batch gathers: a busy service then writes a few times a second, not per answer."""
_WRITE_S = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """A page, and what is to be logged once it is answered.

    Attributes:
        page: of recommendations.
        exposures: of the posts on it; none if nothing is logged.
    """

    page: Recommendations
    exposures: tuple[Exposure, ...] = ()


class ExposureLog:
    """Hands exposures on in batches, from a queue that never makes an answer wait.

    What finds the queue full is dropped, and what can't be written is lost; both are counted in
    `commonspace_exposures_total`. Belongs to one event loop.

    Args:
        write: stores some, for example by the writer.
        recorder: counts what became of them.
        most: exposures that wait.
        linger_s: how long a batch gathers.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Exposure]], Awaitable[object]],
        recorder: Recorder,
        most: int = _MOST,
        linger_s: float = _LINGER_S,
    ) -> None:
        self._write = write
        self._most, self._linger_s = most, linger_s
        self._waiting: deque[Exposure] = deque()
        self._task: asyncio.Task[None] | None = None
        self._recorder = recorder

    def add(self, exposures: Sequence[Exposure]) -> None:
        """Take some for later, at once; all of an answer or none."""
        if not exposures:
            return
        if len(self._waiting) + len(exposures) > self._most:
            self._recorder.add(EXPOSURES, len(exposures), outcome="dropped")
            return
        self._waiting.extend(exposures)
        if self._task is None or self._task.done():
            # of no request: what it writes is of many
            self._task = asyncio.create_task(self._work(), context=Context())

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._linger_s)
            count = min(len(self._waiting), _AT_ONCE)
            batch = [self._waiting.popleft() for _ in range(count)]
            try:
                async with asyncio.timeout(_WRITE_S):
                    await self._write(batch)
            except Exception as error:  # whatever it is, nobody waits for these
                self._recorder.add(EXPOSURES, count, outcome="failed")
                _log.warning("%d exposures were lost: %s", count, type(error).__name__)
            else:
                self._recorder.add(EXPOSURES, count, outcome="written")
