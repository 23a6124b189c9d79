"""Many small calls made one: what requests bring within some milliseconds goes over together.

A call to a replica costs about as much as embedding a short text. Batches in the replica spare the
model's share of that, this the rest.

A batch goes out when it is full, or when nothing is under way: while the encoder works, what comes
in by ones and twos is better kept until it makes a batch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any

import numpy as np

from serving.calls import Busy
from serving.measures import REFUSED
from serving.watch import recorder
from training.errors import BadData


class Coalescing:
    """Collects contents of many callers and passes them on in calls of a whole batch.

    Args:
        send: embeds contents with one model version: (N, D).
        batch: contents of one call.
        wait_s: how long a batch that isn't full waits for more.
        at_once: calls under way at the same time.
        waiting: contents that may wait for a call.
    """

    def __init__(
        self,
        send: Callable[[str, list[Any]], Awaitable[np.ndarray]],
        *,
        batch: int,
        wait_s: float,
        at_once: int = 2,
        waiting: int = 512,
    ) -> None:
        self._send = send
        self._batch, self._wait_s, self._waiting = batch, wait_s, waiting
        self._at_once = at_once
        self._under_way = 0
        self._changed = asyncio.Event()
        self._queues: dict[str, list[tuple[Any, asyncio.Future[np.ndarray]]]] = {}
        self._collectors: set[asyncio.Task[None]] = set()

    async def embed(self, version: str, raw: Sequence[Any]) -> np.ndarray:
        """N contents to (N, D). Raises: Busy if too many wait; what the call raises."""
        if sum(map(len, self._queues.values())) + len(raw) > self._waiting:
            recorder().add(REFUSED, part="batches")
            raise Busy("too many requests at once", hint="try again in a second")
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in raw]
        queue = self._queues.get(version)
        if queue is None:
            queue = self._queues[version] = []
            # of no request: what it sends is of many
            collector = asyncio.create_task(self._collect(version), context=Context())
            self._collectors.add(collector)  # a task that nobody holds may be lost
            collector.add_done_callback(self._collectors.discard)
        queue.extend(zip(raw, futures, strict=True))
        self._changed.set()
        return np.stack(await asyncio.gather(*futures))

    async def _collect(self, version: str) -> None:
        """Send what waits for a version until nothing does."""
        await asyncio.sleep(self._wait_s)
        queue = self._queues[version]
        while queue:
            full = len(queue) >= self._batch
            if self._under_way and not (full and self._under_way < self._at_once):
                self._changed.clear()
                await self._changed.wait()
                continue
            part, queue[:] = queue[: self._batch], queue[self._batch :]
            self._under_way += 1
            task = asyncio.create_task(self._call(version, part))
            self._collectors.add(task)
            task.add_done_callback(self._collectors.discard)
        del self._queues[version]

    async def _call(
        self, version: str, part: list[tuple[Any, "asyncio.Future[np.ndarray]"]]
    ) -> None:
        try:
            await self._answer(version, part)
        finally:
            self._under_way -= 1
            self._changed.set()

    async def _answer(
        self, version: str, part: list[tuple[Any, "asyncio.Future[np.ndarray]"]]
    ) -> None:
        part = [(one, future) for one, future in part if not future.done()]  # who gave up
        if not part:
            return
        try:
            rows = await self._send(version, [one for one, _ in part])
        except BadData as error:  # of one of them: the others are innocent
            if len(part) == 1:
                _fail(part, error)
                return
            for each in part:
                await self._answer(version, [each])
        except Exception as error:
            _fail(part, error)
        else:
            for (_, future), row in zip(part, rows, strict=True):
                if not future.done():
                    future.set_result(row)


def _fail(part: list[tuple[Any, "asyncio.Future[np.ndarray]"]], error: Exception) -> None:
    for _, future in part:
        if not future.done():
            future.set_exception(error)
