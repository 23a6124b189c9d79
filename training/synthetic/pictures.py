"""Small pictures by interest: two colours of its own, in stripes of its own, and noise."""

import colorsys
import io

import numpy as np
from PIL import Image

SIDE = 32


def picture(interest: int, interests: int, random: np.random.Generator) -> bytes:
    """A WebP of 32 pixels a side that shows an interest.

    Args:
        interest: which.
        interests: of how many.
        random: for shift, tint and noise: no two pictures are alike.
    """
    first, second = _colours(interest, interests)
    angle = np.pi * (interest * 7 % interests) / interests
    wave = 2 + interest % 5
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    phase = random.random()
    stripes = np.sin(2 * np.pi * (wave * (across * np.cos(angle) + down * np.sin(angle)) + phase))
    mixed = np.where(stripes[..., None] > 0, first, second)
    pixels = mixed + random.normal(0, 8, 3) + random.normal(0, 12, (SIDE, SIDE, 3))
    buffer = io.BytesIO()
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    image.save(buffer, "WEBP", quality=70, method=0)
    return buffer.getvalue()


def _colours(interest: int, interests: int) -> tuple[np.ndarray, np.ndarray]:
    hue = interest / interests
    return tuple(
        255 * np.array(colorsys.hsv_to_rgb((hue + turn) % 1, 0.7, value))
        for turn, value in ((0.0, 0.9), (0.17, 0.45))
    )  # type: ignore[return-value]
