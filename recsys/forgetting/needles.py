"""What is looked for in bytes, and where in them it counts as found."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SHORTEST_IN_BINARY = 6
"""Bytes; a shorter id is met by chance among numbers, so there only decoded values count."""

_ID_BYTE = re.compile(rb"[A-Za-z0-9_.:@/-]")
_LETTER = re.compile(rb"[A-Za-z0-9_]")


@dataclass(frozen=True)
class Needle:
    """Something to look for.

    Attributes:
        what: for people, such as `id`.
        value: its bytes.
        word: whether it is an id, which is no part of a longer word.
        longer: other ids, of those who are still there, that this one is part of.
    """

    what: str
    value: bytes
    word: bool = False
    longer: tuple[bytes, ...] = field(default=(), repr=False)

    def equals(self, value: bytes) -> bool:
        """Whether a decoded value is this id, or holds this content."""
        return value == self.value if self.word else self.value in value

    def mentioned(self, value: bytes) -> bool:
        """Whether a decoded text has this id among its words."""
        return self.word and any(self._whole(value, at, _ID_BYTE) for at in self._hits(value))

    def count(self, data: bytes, *, text: bool) -> int:
        """How often it stands in raw bytes.

        Args:
            data: of a file.
            text: whether they are text. There an id has no letter beside it; elsewhere values may
                follow each other without anything between, and only a longer id tells.
        """
        if not self.word:
            return data.count(self.value)
        if text:
            return sum(self._whole(data, at, _LETTER) for at in self._hits(data))
        if len(self.value) < SHORTEST_IN_BINARY:
            return 0
        return sum(1 for _ in self._hits(data))

    def _whole(self, data: bytes, at: int, part: re.Pattern[bytes]) -> bool:
        """Whether the word at a place goes on at neither end; a full stop behind it ends it."""
        end = at + len(self.value)
        before, after = data[max(0, at - 1) : at], data[end : end + 1]
        if after in (b".", b":") and not part.match(data[end + 1 : end + 2]):
            after = b""
        return not (part.match(before) or part.match(after))

    def _hits(self, data: bytes) -> Iterator[int]:
        """Where it stands, but as part of a longer id."""
        at = data.find(self.value)
        while at >= 0:
            if not any(_covers(other, self.value, data, at) for other in self.longer):
                yield at
            at = data.find(self.value, at + 1)


def id_needles(ids: Iterable[str], living: Iterable[str] = ()) -> list[Needle]:
    """Needles for ids.

    Args:
        ids: that are to be found nowhere.
        living: ids of which some may hold one of these.
    """
    others = set(living)
    return [
        Needle(
            "id",
            id.encode(),
            word=True,
            longer=tuple(sorted(other.encode() for other in others if id in other and id != other)),
        )
        for id in ids
    ]


def _covers(other: bytes, value: bytes, data: bytes, at: int) -> bool:
    offset = other.find(value)
    while offset >= 0:
        start = at - offset
        if start >= 0 and data[start : start + len(other)] == other:
            return True
        offset = other.find(value, offset + 1)
    return False
