"""What to read, what counts as a bad row, and how to split."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from training.config import Config

SAMPLE = "sample"
"""Stands for the shipped sample where a table's place is expected (`./sample` is a folder)."""


class ImageLimits(Config):
    """Which images are safe and worth decoding. The same limits guard training and serving."""

    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF")
    """Pillow's names; told from the content, never from a file's name."""
    max_megapixels: float = Field(default=50, gt=0, le=178)
    """Read from the header before anything is decoded. Pillow itself stops at 178."""
    max_bytes: int = Field(default=20_000_000, gt=0)
    """Of the encoded file; a larger one is not even read."""
    max_aspect: float = Field(default=100, ge=1)
    """Longer side over shorter side. Resizing a 1 x 60,000 strip makes its own bomb."""


class DataConfig(Config):
    """Where the tables are and which of their rows are good.

    A table's place is a file, a folder of files, or a URI of a filesystem that pyarrow or fsspec
    knows (`s3://`, `gs://`, `file://`, ...). Formats go by the file's name: `.parquet`, `.jsonl`,
    `.ndjson`, `.csv`, `.tsv`; the text formats also with `.gz`, `.bz2` or `.zst` behind it.
    """

    posts: str = SAMPLE
    """The posts; `sample` for the shipped sample."""
    reactions: str | None = None
    """The reactions, if any."""
    users: str | None = None
    """Profiles, if any. Without it, every author and everyone who reacted is a known person."""
    image_folder: str | None = None
    """Folder or URI that image paths are relative to. No path may lead out of it."""

    ids: Literal["refuse", "map"] = "refuse"
    """What to do with an id outside `[A-Za-z0-9_.:@/-]{1,128}`: quarantine its row, or map it to a
    readable id with a hash behind it (the originals are kept in `mapped_ids.parquet`)."""
    control_characters: Literal["refuse", "remove"] = "refuse"
    """What to do with control characters in a text, other than line breaks and tabs."""
    max_text_characters: int = Field(default=50_000, gt=0)
    """Of a post's text, and of a profile."""
    max_tags: int = Field(default=200, gt=0)
    reaction_kinds: tuple[str, ...] = (
        "view",
        "click",
        "like",
        "comment",
        "share",
        "save",
        "follow",
        "rate",
        "dislike",
        "hide",
        "report",
    )
    """Any other kind is quarantined."""
    images: ImageLimits = ImageLimits()
    max_quarantined_share: float = Field(default=0.05, ge=0, le=1)
    """Of the rows of any one table; above it nothing is prepared."""

    @field_validator("posts", "reactions", "users", "image_folder")
    @classmethod
    def _is_a_place(cls, place: str | None) -> str | None:
        if place is not None and not place.strip():
            raise ValueError("must be a path or URI, not an empty text")
        # Configurations are printed, logged and kept beside the data.
        if place is not None and re.search(r"://[^/@]*:[^/@]*@", place):
            raise ValueError("must not hold a password; give credentials in the environment")
        return place


class SplitConfig(Config):
    """Which posts are held out.

    `temporal`: the last `test_share` of all posts by time are test, the last `validation_share` of
    the rest validation. `random`: that, per person, by a seeded draw, for people with `min_posts`
    posts or more; all other posts are for training. `auto`: temporal where every post is dated.
    """

    strategy: Literal["auto", "temporal", "random"] = "auto"
    seed: int = Field(default=0, ge=0)
    min_posts: int = Field(default=5, ge=3)
    """People with fewer posts are never held out (`random`). Three is one for each part."""
    test_share: float = Field(default=0.2, gt=0, lt=1)
    validation_share: float = Field(default=0.1, gt=0, lt=1)
    """Of what the test part leaves."""

    @model_validator(mode="after")
    def _something_is_left(self) -> "SplitConfig":
        if (1 - self.test_share) * (1 - self.validation_share) < 0.1:
            raise ValueError("test_share and validation_share leave under a tenth for training")
        return self
