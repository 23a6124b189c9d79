"""Load: requests sent in a closed loop, or at given times whatever becomes of the earlier ones."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Ask:
    """One request.

    Attributes:
        kind: what it is about, for tables.
        method: of HTTP.
        path: from `/` on.
        json: body, if any.
        key: what an answer acknowledges, if anything.
    """

    kind: str
    method: str
    path: str
    json: Any = None
    key: str = ""


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    Attributes:
        ask: the request.
        begun: when it was sent, by `time.monotonic`.
        seconds: until the whole answer was there.
        status: of HTTP; 0 if the connection broke.
        retry_after: whether the answer says when to come again.
        body: the answer's, if `keep` asked for it.
    """

    ask: Ask
    begun: float
    seconds: float
    status: int
    retry_after: bool = False
    body: bytes = b""

    @property
    def good(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """503 that says when to come again."""
        return self.status == 503 and self.retry_after


@dataclass
class Load:
    """Sends requests to one address.

    Attributes:
        url: of the service.
        keep: whether bodies are kept.
        answers: of all requests so far.
    """

    url: str
    keep: bool = False
    answers: list[Answer] = field(default_factory=list)

    async def closed_loop(
        self, asks: Iterable[Ask], clients: int, seconds: float | None = None
    ) -> list[Answer]:
        """Each client sends its next request when its last one is answered.

        Args:
            asks: what is sent, in order; may be endless if `seconds` is given.
            clients: how many at once.
            seconds: after which no more are sent.
        """
        source, begun, first = iter(asks), time.monotonic(), len(self.answers)

        async def client(session: aiohttp.ClientSession) -> None:
            for ask in source:
                if seconds is not None and time.monotonic() - begun > seconds:
                    return
                self.answers.append(await self._send(session, ask))

        async with self._session() as session:
            await asyncio.gather(*(client(session) for _ in range(clients)))
        return self.answers[first:]

    async def open_loop(self, asks: Iterable[Ask], rate: float, seconds: float) -> list[Answer]:
        """`rate` requests a second for so long, whether or not the earlier ones are answered."""
        source, first = iter(asks), len(self.answers)
        tasks: list[asyncio.Task[None]] = []

        async def send(session: aiohttp.ClientSession, ask: Ask) -> None:
            self.answers.append(await self._send(session, ask))

        async with self._session() as session:
            begun = time.monotonic()
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
                tasks.append(asyncio.create_task(send(session, next(source))))
            await asyncio.gather(*tasks)
        return self.answers[first:]

    async def _send(self, session: aiohttp.ClientSession, ask: Ask) -> Answer:
        begun = time.monotonic()
        try:
            async with session.request(ask.method, self.url + ask.path, json=ask.json) as answer:
                body = await answer.read()
                return Answer(
                    ask,
                    begun,
                    time.monotonic() - begun,
                    answer.status,
                    "retry-after" in answer.headers,
                    body if self.keep else b"",
                )
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Answer(ask, begun, time.monotonic() - begun, 0)

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )


def percentile(answers: Iterable[Answer], share: float) -> float:
    """Seconds within which this share (0 to 1) of the answers came; NaN of none."""
    seconds = [answer.seconds for answer in answers]
    return float(np.quantile(seconds, share)) if seconds else float("nan")


def statuses(answers: Iterable[Answer]) -> dict[str, int]:
    """How many answers of each status; `lost` for broken connections."""
    counts = Counter("lost" if one.status == 0 else str(one.status) for one in answers)
    return dict(sorted(counts.items()))


def cycle(*makers: Callable[[int], Ask]) -> Iterable[Ask]:
    """Endless requests: of each maker by turns, numbered."""
    number = 0
    while True:
        for maker in makers:
            yield maker(number)
        number += 1
