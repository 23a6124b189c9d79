"""Pictures of strangers: checked by what is in them before anything else sees them."""

from collections.abc import Mapping

from anyio import CapacityLimiter, to_thread

from serving.security.refusals import BadFields
from serving.wire.fields import IMAGE_BYTES, IMAGE_MEGAPIXELS
from training.data.config import ImageLimits
from training.data.images import check_image
from training.data.quarantine import BadField

LIMITS = ImageLimits(max_bytes=IMAGE_BYTES, max_megapixels=IMAGE_MEGAPIXELS)
_AT_ONCE = 2
_ACTIVE = (b"<script", b"<?php", b"<html", b"<!doctype html", b"<iframe", b"%pdf-1", b"\x7felf\x02")
"""Beginnings of what a browser or a machine would run, compared in lower case."""
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22


class PictureCheck:
    """Decodes pictures to see whether they are safe, some at a time, off the event loop."""

    def __init__(self) -> None:
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, images: Mapping[str, bytes]) -> None:
        """Check pictures by the path of their field. Raises: BadFields naming every bad one."""
        if not images:
            return
        if self._limiter is None:  # belongs to the running event loop
            self._limiter = CapacityLimiter(_AT_ONCE)
        bad = await to_thread.run_sync(_bad, images, limiter=self._limiter)
        if bad:
            raise BadFields(bad)


def _bad(images: Mapping[str, bytes]) -> dict[str, str]:
    found = {}
    for field, data in images.items():
        try:
            check_image(data, LIMITS)
        except BadField as bad:
            found[field] = f"{bad.reason}: {bad.detail}" if bad.detail else str(bad.reason)
            continue
        if is_polyglot(data):
            found[field] = "holds something else beside a picture: a script, document or archive"
    return found


def is_polyglot(data: bytes) -> bool:
    """Whether a readable picture is also a page, script, document, program or archive.

    Nothing here would run it; someone who gets it from here might.
    """
    lower = data.lower()
    if any(mark in lower for mark in _ACTIVE):
        return True
    at = data.rfind(_ZIP_END, max(0, len(data) - 65_535 - _ZIP_END_BYTES))
    # pixels may spell the mark by chance, but not the length of what follows it
    end = at + _ZIP_END_BYTES
    return at >= 0 and end + int.from_bytes(data[at + 20 : at + 22], "little") == len(data)
