"""Doing no more in a second than was agreed."""

import time
from collections.abc import Callable

_LONGEST_S = 30.0


class Pace:
    """Waits until so much may have been done.

    Args:
        per_s: how much a second at most; None: any amount.
        beat: called at least every half minute while it waits.
        clock: tells seconds.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        per_s: float | None,
        beat: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_s = per_s
        self._beat = beat
        self._clock, self._sleep = clock, sleep
        self._free_at = clock()

    def __call__(self, amount: int) -> None:
        """Wait until this much more may have been done; slow times earn no hurry later."""
        if self._per_s is None:
            return
        self._free_at = max(self._free_at, self._clock()) + amount / self._per_s
        while (left := self._free_at - self._clock()) > 0:
            self._sleep(min(left, _LONGEST_S))
            self._beat()
