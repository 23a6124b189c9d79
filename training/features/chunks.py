"""What has to be encoded, in pieces: each content once, of one modality a piece."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SIZE = {"image": 64, "text": 256}
_MOST = 4096


@dataclass(frozen=True)
class Chunk:
    """Contents that are encoded in one go.

    Attributes:
        modality: image or text.
        rows: posts that carry the contents.
        hashes: of the contents.
        texts: themselves, where they are texts; images are read where they are encoded.
    """

    modality: str
    rows: list[int]
    hashes: list[str]
    texts: list[str]

    def __len__(self) -> int:
        return len(self.rows)


def first_rows(hashes: Sequence[str | None]) -> dict[str, int]:
    """Every distinct content and the first row that carries it, in the order of the rows."""
    rows: dict[str, int] = {}
    for row, content in enumerate(hashes):
        if content is not None:
            rows.setdefault(content, row)
    return rows


def image_chunks(contents: dict[str, int]) -> list[Chunk]:
    """Images by hash and row, in chunks."""
    hashes = list(contents)
    return [
        Chunk("image", [contents[h] for h in part], part, []) for part in _split(hashes, "image")
    ]


def text_chunks(contents: dict[str, int], texts: list[str]) -> list[Chunk]:
    """Texts by hash and row, in chunks of like length, the long ones first: short ones end evenly.

    Args:
        contents: hash to row.
        texts: of these contents, in their order.
    """
    hashes, rows = list(contents), list(contents.values())
    order = np.argsort([-len(text) for text in texts], kind="stable").tolist()
    return [
        Chunk("text", [rows[i] for i in part], [hashes[i] for i in part], [texts[i] for i in part])
        for part in _split(order, "text")
    ]


def _split(items: list, modality: str) -> list[list]:
    size = max(_SIZE[modality], math.ceil(len(items) / _MOST))
    return [items[at : at + size] for at in range(0, len(items), size)]
