"""Pictures of posts, small enough to be carried by a page."""

import base64
import io
from collections.abc import Sequence

from training.data.images import decode_image
from training.errors import BadData

SIDE = 72
_QUALITY = 45


def thumbnail(encoded: bytes | None) -> str:
    """A picture as a `data:` address of a WebP of at most 72 pixels, about 1 KB; empty for none."""
    if encoded is None:
        return ""
    try:
        image = decode_image(encoded)
    except BadData:
        return ""  # the page is better without one picture than not there
    image.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    image.save(out, format="WEBP", quality=_QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def thumbnails(images: Sequence[bytes | None]) -> list[str]:
    """Those of many posts."""
    return [thumbnail(image) for image in images]
