"""What the tests of pictures share: a small space, pictures for it, and a look at a PNG."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.evaluation.embedded import EmbeddedPosts


@pytest.fixture
def small_space() -> EmbeddedPosts:
    """30 posts near their 6 authors; every fifth has no image, every seventh no text."""
    random = np.random.default_rng(0)
    author = np.arange(30) % 6
    centres = random.standard_normal((6, 8))

    def near(centre):
        moved = centre + 0.4 * random.standard_normal(centre.shape)
        return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)

    has_text = np.arange(30) % 7 != 0
    return EmbeddedPosts(
        near(centres), near(centres[author]), np.arange(30) % 5 != 0, near(centres[author]),
        has_text, near(centres[author]), author, np.where(has_text, np.arange(30), -1),
    )  # fmt: skip


@pytest.fixture
def pictures() -> Callable:
    """Row numbers → plain PNGs whose colour depends on the row; every fifth has none."""

    def draw(row: int) -> bytes | None:
        if row % 5 == 0:
            return None
        out = io.BytesIO()
        colour = (row * 37 % 256, row * 91 % 256, 120)
        Image.new("RGB", (40, 30), colour).save(out, format="PNG")
        return out.getvalue()

    return lambda rows: [draw(row) for row in rows]


@pytest.fixture
def colours_of() -> Callable[[Path], set]:
    """The colours that a PNG shows: an empty sheet has one."""

    def colours(path: Path) -> set:
        with Image.open(path) as image:
            assert image.format == "PNG"
            found = image.convert("RGB").getcolors(image.width * image.height)
            return {colour for _, colour in found or []}

    return colours
