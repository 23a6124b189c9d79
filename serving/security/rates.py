"""How often: requests per key, and wrong keys per address."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

from anyio import to_thread
from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from serving.security.config import SecurityConfig
from serving.security.refusals import TooMany

T = TypeVar("T")


@dataclass(frozen=True)
class Budget:
    """What is left to a key.

    Attributes:
        quota: requests in a window.
        window: its length in seconds.
        remaining: requests that are left now.
        reset: seconds until some come back.
    """

    quota: int
    window: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers names them."""
        return {
            "ratelimit-policy": f'"key";q={self.quota};w={self.window}',
            "ratelimit": f'"key";r={self.remaining};t={self.reset}',
        }


class Rates:
    """Counts requests in a sliding window.

    Args:
        config: limits and where to count.
    """

    def __init__(self, config: SecurityConfig) -> None:
        uri = config.rate_storage.get_secret_value() if config.rate_storage else "memory://"
        self._limiter = SlidingWindowCounterRateLimiter(storage_from_string(uri))
        self._here = uri.startswith("memory:")
        self._rate, self._failures = parse(config.rate), parse(config.failures)

    async def count(self, key_id: str) -> Budget:
        """Count one request of a key. Raises: TooMany."""
        allowed = await self._do(lambda: self._limiter.hit(self._rate, "key", key_id))
        budget = await self._do(lambda: self._budget(self._rate, "key", key_id))
        if not allowed:
            raise TooMany(
                f"this key may make {budget.quota} requests in {budget.window} s",
                retry_after=max(1, budget.reset),
                hint="wait for as long as Retry-After says",
            )
        return budget

    async def failed(self, address: str) -> None:
        """Count a wrong key."""
        await self._do(lambda: self._limiter.hit(self._failures, "address", address))

    async def check_failures(self, address: str) -> None:
        """Raises: TooMany if the address sent too many wrong keys."""
        if not await self._do(lambda: self._limiter.test(self._failures, "address", address)):
            budget = await self._do(lambda: self._budget(self._failures, "address", address))
            raise TooMany(
                "too many wrong keys came from this address", retry_after=max(1, budget.reset)
            )

    def _budget(self, item: RateLimitItem, *who: str) -> Budget:
        stats = self._limiter.get_window_stats(item, *who)
        reset = max(0, ceil(stats.reset_time - time.time()))
        return Budget(item.amount, item.get_expiry(), max(0, stats.remaining), reset)

    async def _do(self, work: Callable[[], T]) -> T:
        """Memory answers at once; a server elsewhere mustn't hold up the event loop."""
        return work() if self._here else await to_thread.run_sync(work)
