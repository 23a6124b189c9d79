"""Vectors that were read lately, kept in the process that reads them."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.versions import Target, Version

FRESH_S = 2.0
"""How long a vector is trusted unproved: another process may replace a post at any time."""
_AGREEMENT = 1e-5
_OVERHEAD = 500
"""Bytes of an entry beside its vector, about."""


@dataclass
class _Entry:
    vector: np.ndarray
    confirmed: float


class VectorCache:
    """Bounded by bytes; what was used least lately goes first. Threads may share it.

    A post that another process replaced has another vector. So an entry counts by itself for
    `FRESH_S` only; after that it must agree with what the index says now: a search tells the
    cosine of each hit to its query, and a vector of before the change gives another one, but for
    a chance of one in some ten thousand.

    Args:
        most_bytes: of all entries; 0 keeps nothing.
        clock: tells seconds.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[Version, Target, str], _Entry] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What the entries take up."""
        return self._bytes

    def recent(
        self, version: Version, target: Target, ids: Sequence[str], within_s: float = FRESH_S
    ) -> dict[str, np.ndarray]:
        """Vectors (D,) that were read or proved within so many seconds, by id."""
        since = self._clock() - within_s
        entries = self._used(version, target, ids)
        return {id: one.vector for id, one in entries.items() if one.confirmed >= since}

    def proved(
        self,
        version: Version,
        target: Target,
        ids: Sequence[str],
        queries: np.ndarray,
        scores: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Vectors (D,) that agree with what a search just said of them, by id.

        Args:
            version: that was searched.
            target: that was searched.
            ids: n ids that were found.
            queries: (n, D) a query that found each.
            scores: (n,) its dot product with the row, as the index told it.
        """
        now = self._clock()
        entries = self._used(version, target, ids)
        places = [place for place, id in enumerate(ids) if id in entries]
        if not places:
            return {}
        rows = np.stack([entries[ids[place]].vector for place in places])
        told = np.einsum("nd,nd->n", rows, queries[places])
        agreed = np.abs(told - scores[places]) <= _AGREEMENT
        found = {}
        for place, good in zip(places, agreed, strict=True):
            if good:
                entry = entries[ids[place]]
                entry.confirmed = now
                found[ids[place]] = entry.vector
        return found

    def keep(self, version: Version, target: Target, found: Mapping[str, np.ndarray]) -> None:
        """Remember vectors that were read from the index just now."""
        now = self._clock()
        with self._lock:
            for id, vector in found.items():
                self._drop((version, target, id))
                self._entries[version, target, id] = _Entry(vector, now)
                self._bytes += vector.nbytes + _OVERHEAD
            while self._bytes > self._most:
                self._drop(next(iter(self._entries)))

    def forget(self, ids: Sequence[str]) -> None:
        """Drop what was written or deleted, of every version and kind."""
        gone = set(ids)
        with self._lock:
            for key in [key for key in self._entries if key[2] in gone]:
                self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def _used(self, version: Version, target: Target, ids: Sequence[str]) -> dict[str, _Entry]:
        found = {}
        with self._lock:
            for id in ids:
                entry = self._entries.get((version, target, id))
                if entry is not None:
                    self._entries.move_to_end((version, target, id))
                    found[id] = entry
        return found

    def _drop(self, key: tuple[Version, Target, str]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.vector.nbytes + _OVERHEAD
