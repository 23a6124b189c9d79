"""Marks by which rows of the index are compared with the event database.

A row has two: of the content that its vector was made of, and of the fields beside it. Where only
the second differs from the event database's, the row is written again with its old vector.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Marks:
    """By what a row is compared with the event database.

    Attributes:
        content: of what its vector was made of.
        fields: of the fields beside the vector; 0 for a person.
    """

    content: int
    fields: int = 0


def content_mark(text: str | None, image_hash: str | None) -> int:
    """Of a post's content: 64 bits, signed."""
    return mark(text or None, image_hash)


def history_mark(history: Sequence[tuple[str, float]]) -> int:
    """Of a person's history: post ids and weights, in any order."""
    return mark(*sorted((post_id, round(weight, 6)) for post_id, weight in history))


def mark(*parts: object) -> int:
    """64 bits, signed, that are equal for equal parts."""
    said = json.dumps(parts, ensure_ascii=True).encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big", signed=True)
