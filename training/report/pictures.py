"""Pictures as the page carries them: small WebP files inside the HTML."""

import base64
import io
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from training.data.clean import CleanData
from training.data.images import decode_image

_QUALITY = 55


class PostPictures:
    """Thumbnails of posts as data URIs; private posts have none, and no text either.

    Args:
        data: the clean tables.
        size: of the longer side, in pixels.
    """

    def __init__(self, data: CleanData, size: int) -> None:
        self._data, self._size = data, size
        self._made: dict[int, str | None] = {}

    def uri(self, row: int) -> str | None:
        """The thumbnail of a post; None if it has no picture or is private."""
        if row not in self._made:
            encoded = None if self.private(row) else self._data.images([row])[0]
            self._made[row] = None if encoded is None else _thumbnail(encoded, self._size)
        return self._made[row]

    def text(self, row: int) -> str | None:
        """What the post says; None if nothing, or if it is private."""
        return None if self.private(row) else self._texts[row]

    def private(self, row: int) -> bool:
        """Whether the post is not for everybody's eyes."""
        return bool(self._private[row])

    @cached_property
    def _texts(self) -> list[str | None]:
        return self._data.posts(["text"])["text"].to_pylist()

    @cached_property
    def _private(self) -> np.ndarray:
        return self._data.posts(["private"])["private"].to_numpy()


def public_pictures(data: CleanData) -> Callable[[Sequence[int]], list[bytes | None]]:
    """Encoded images of posts by row, None for private ones: for drawings of the whole space."""
    private = data.posts(["private"])["private"].to_numpy()

    def pictures(rows: Sequence[int]) -> list[bytes | None]:
        found = data.images(rows)
        return [None if private[row] else each for row, each in zip(rows, found, strict=True)]

    return pictures


def drawing(path: Path, *, width: int = 1600, quality: int = 80) -> str:
    """A drawn PNG as data URI, at most `width` pixels wide."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    picture.thumbnail((width, 10 * width))
    return _uri(picture, quality)


def _thumbnail(encoded: bytes, size: int) -> str:
    picture = decode_image(encoded)
    picture.thumbnail((size, size))
    return _uri(picture, _QUALITY)


def _uri(picture: Image.Image, quality: int) -> str:
    out = io.BytesIO()
    picture.save(out, format="WEBP", quality=quality, method=4)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"
