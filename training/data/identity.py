"""Ids: what a good one is, how a bad one is mapped, and a compact set of those seen."""

import hashlib
import re
import unicodedata

import numpy as np

from training.data.quarantine import BadField, Reason

_GOOD = re.compile(r"[A-Za-z0-9_.:@/-]{1,128}")
_NOT_GOOD = re.compile(r"[^A-Za-z0-9_.:@/-]+")
_LONGEST = 128
_NULL = np.uint64(0)


def is_good_id(text: str) -> bool:
    """Whether every part of the product can hold this id: 1 to 128 of `A-Za-z0-9_.:@/-`."""
    return _GOOD.fullmatch(text) is not None


def map_id(text: str) -> str:
    """A good id for any text: readable, the same everywhere, and different for different texts.

    Good ids stay as they are. In others what can't stay becomes `_`, and a 64-bit hash of the
    whole goes behind. Two ways to write one letter (NFC, NFD) are one id.

    Raises: BadField if the text is empty or not UTF-8.
    """
    if is_good_id(text):
        return text
    text = unicodedata.normalize("NFC", text)
    if not text.strip():
        raise BadField(Reason.MISSING)
    try:
        mark = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    except UnicodeEncodeError:
        raise BadField(Reason.BROKEN_UTF8) from None
    readable = _NOT_GOOD.sub("_", text)
    return f"{readable[: _LONGEST - len(mark) - 1]}-{mark}"


def hash_id(*parts: str) -> int:
    """64 bits that stand for an id or a tuple of ids. Never 0, which stands for none.

    Among ten million ids the chance that any two share a hash is about 3 in a million.
    """
    joined = "\0".join(parts)
    digest = hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def tombstone(kind: str, identity: str) -> str:
    """The hash under which a forgotten person or post is remembered: blake2b-128, hexadecimal.

    The event database and the list that training reads know the forgotten by this alone.

    Args:
        kind: `person` or `post`.
        identity: the good id.
    """
    return hashlib.blake2b(f"{kind}\0{identity}".encode(), digest_size=16).hexdigest()


class IdSet:
    """A growing set of 64-bit hashes at 8 bytes each; a Python set takes ten times as much.

    Sorted runs, each at least twice as long as the next: n insertions cost O(n log n) in all.
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def __contains__(self, value: int) -> bool:
        return bool(self.contains(np.array([value], dtype=np.uint64))[0])

    def contains(self, hashes: np.ndarray) -> np.ndarray:
        """Which of (N,) uint64 hashes are in the set: (N,) bool."""
        known = np.zeros(len(hashes), dtype=bool)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            known |= run[at] == hashes
        return known

    def add(self, hashes: np.ndarray) -> np.ndarray:
        """Put (N,) uint64 hashes in; returns (N,) bool, True where one was not in before.

        Of equal hashes in one call the first is new. The null hash (0) is never put in.
        """
        firsts = np.zeros(len(hashes), dtype=bool)
        firsts[np.unique(hashes, return_index=True)[1]] = True
        fresh = firsts & ~self.contains(hashes) & (hashes != _NULL)
        self._append(np.sort(hashes[fresh]))
        return fresh

    def _append(self, run: np.ndarray) -> None:
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        if len(run):
            self._runs.append(run)
