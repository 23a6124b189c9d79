"""Where contents are, by their hash: sorted numbers, 24 bytes a content."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from training.data.columns import HASH_BYTES


@dataclass(frozen=True)
class _Run:
    """Some contents, sorted by the first half of their hash.

    Attributes:
        first: (n,) uint64, ascending.
        second: (n,) uint64, the other half.
        place: (n,) int64.
    """

    first: np.ndarray
    second: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, first: np.ndarray, second: np.ndarray, place: np.ndarray) -> Self:
        order = np.argsort(first, kind="stable")
        return cls(first[order], second[order], place[order])

    def __len__(self) -> int:
        return len(self.first)

    def find(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(n,) places, -1 where there is none."""
        found = np.full(len(first), -1, np.int64)
        at = np.searchsorted(self.first, first)
        left = np.arange(len(first))
        while len(left):  # again only where the first halves of two contents are equal
            there = at[left] < len(self)
            left = left[there]
            left = left[self.first[at[left]] == first[left]]
            same = self.second[at[left]] == second[left]
            found[left[same]] = self.place[at[left[same]]]
            left = left[~same]
            at[left] += 1
        return found


class HashIndex:
    """A growing map from hashes to places; n insertions cost O(n log n) in all.

    Sorted runs, each at least twice as long as the next.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, hashes: np.ndarray) -> None:
        """Put in (n, 16) uint8 hashes, whose places follow those of all before."""
        first, second = _halves(hashes)
        place = np.arange(self._count, self._count + len(hashes))
        self._count += len(hashes)
        while self._runs and len(self._runs[-1]) < 2 * len(first):
            last = self._runs.pop()
            first = np.concatenate([last.first, first])
            second = np.concatenate([last.second, second])
            place = np.concatenate([last.place, place])
        if len(first):
            self._runs.append(_Run.of(first, second, place))

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """(n,) int64 place of each of (n, 16) uint8 hashes, -1 where there is none."""
        first, second = _halves(hashes)
        found = np.full(len(hashes), -1, np.int64)
        for run in self._runs:
            missing = np.flatnonzero(found < 0)
            found[missing] = run.find(first[missing], second[missing])
        return found


def _halves(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    halves = np.ascontiguousarray(hashes).view(np.uint64).reshape(-1, HASH_BYTES // 8)
    return halves[:, 0], halves[:, 1]
