"""Where ids stand in a list, in 16 bytes an id; a dictionary takes ten times as much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from training.data.identity import hash_id

_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class IdPlaces:
    """Places of ids by their 64-bit hash, see `identity.hash_id`.

    Attributes:
        hashes: (n,) uint64, ascending.
        places: (n,) int64.
    """

    hashes: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, ids: np.ndarray) -> Self:
        """Of n different ids, in the order of their places."""
        return cls.by(hashes_of(ids))

    @classmethod
    def by(cls, hashes: np.ndarray) -> Self:
        """Of n different hashes, in the order of their places."""
        order = np.argsort(hashes, kind="stable")
        return cls(hashes[order], order)

    def find(self, ids: Sequence[str]) -> np.ndarray:
        """(m,) int64 places; -1 for an id that is not there."""
        return self.find_hashes(hashes_of(np.array(ids, dtype=object)))

    def find_hashes(self, hashes: np.ndarray) -> np.ndarray:
        """The same, by hashes."""
        if not len(self.hashes):
            return np.full(len(hashes), -1, np.int64)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[at] == hashes, self.places[at], -1)


def hashes_of(ids: np.ndarray) -> np.ndarray:
    """(n,) uint64 of n ids, some of which are text at a time."""
    found = np.empty(len(ids), np.uint64)
    for start in range(0, len(ids), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        found[some] = [hash_id(id) for id in ids[some].tolist()]
    return found
