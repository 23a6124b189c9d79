"""What most people like, the same for everyone."""

import time
from collections.abc import Callable, Collection, Sequence

from recsys.events.database import Events

_KEPT_S = 5.0
_KEPT = 1000


class Charts:
    """The most popular posts, counted anew every few seconds; threads may share it.

    They are the same for everyone, and to add up all reactions takes longer than all else.

    Args:
        events: the truth.
        clock: tells seconds.
    """

    def __init__(self, events: Events, clock: Callable[[], float] = time.monotonic) -> None:
        self._events, self._clock = events, clock
        self._kept: dict[tuple[str, ...], tuple[float, list[str]]] = {}

    def first(self, kinds: Sequence[str], count: int, exclude: Collection[str]) -> list[str]:
        """At most `count` ids that aren't excluded, by reactions of these kinds, most first."""
        key, now = tuple(kinds), self._clock()
        since, top = self._kept.get(key, (-float("inf"), []))
        if now - since > _KEPT_S:
            top = self._events.popular(kinds, _KEPT)
            self._kept[key] = (now, top)
        found = [post_id for post_id in top if post_id not in exclude][:count]
        if len(found) < count and len(top) == _KEPT:
            return self._events.popular(kinds, count, exclude)
        return found
