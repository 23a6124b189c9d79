"""Clean data on disk: the one thing that the stages after this one read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from training.data.config import DataConfig, SplitConfig
from training.data.files import parts_of
from training.data.image_store import ImageStore, build
from training.data.report import CheckReport
from training.data.tables import CLEAN, MAPPED_IDS
from training.errors import BadData, NotFound

MANIFEST = "manifest.json"
_ALL_BUT_IMAGE = {
    table: [name for name in schema.names if name != "image"] for table, schema in CLEAN.items()
}


class SourceRecord(BaseModel):
    """A source file as it was when it was read; its mark changes with its content."""

    model_config = ConfigDict(frozen=True)

    table: str
    file: str
    bytes: int
    mark: str


class Manifest(BaseModel):
    """What a folder of clean data is, where it came from, and how it was made."""

    model_config = ConfigDict(frozen=True)

    digest: str
    """Of content and settings: `<of the tables>-<of the split>`. Equal wherever equal data is."""
    prepared_at: str
    config: DataConfig
    split: SplitConfig
    source: tuple[SourceRecord, ...]
    counts: dict[str, int]
    """Rows of each clean table."""
    splits: dict[str, int]
    """Posts of each part."""
    report: CheckReport

    @property
    def quarantined(self) -> dict[str, int]:
        """Quarantined rows of all tables by reason, the commonest first."""
        return self.report.reasons


@dataclass(frozen=True)
class CleanData:
    """A handle on `<workspace>/data/<digest>/`. Opening it reads the manifest only.

    Attributes:
        root: the folder.
        manifest: what is in it.
    """

    root: Path
    manifest: Manifest

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open a folder that `prepare` wrote. Raises: NotFound if it is none; BadData if broken."""
        root = Path(root).absolute()
        try:
            text = (root / MANIFEST).read_text(encoding="utf-8")
        except OSError:
            raise NotFound(f"{root} holds no clean data", hint="prepare it first") from None
        try:
            return cls(root, Manifest.model_validate_json(text))
        except ValidationError as error:
            raise BadData(
                f"{root / MANIFEST} is broken or of another version ({error.error_count()} faults)",
                hint="delete the folder and prepare the data again",
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:  # workers open the mapped images themselves
        return type(self).open, (self.root,)

    def posts(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The posts in their fixed order: `POSTS` without `image`, or the columns asked for."""
        return self._read("posts", columns)

    def reactions(self) -> pa.Table:
        """The reactions: `REACTIONS`; empty if no source was given."""
        return self._read("reactions", None)

    def users(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Every known person once: `USERS` without `image`, or the columns asked for."""
        return self._read("users", columns)

    def quarantine(self) -> pa.Table:
        """The bad rows: `QUARANTINE`."""
        return pq.read_table(self.root / "quarantine.parquet")

    def mapped_ids(self) -> pa.Table:
        """`MAPPED_IDS`: the originals of ids that were mapped; empty unless `ids=map`."""
        path = self.root / "mapped_ids.parquet"
        return pq.read_table(path) if path.exists() else MAPPED_IDS.empty_table()

    def splits(self) -> np.ndarray:
        """(N,) text, aligned with `posts()`: train, validation or test (by time also unused)."""
        parts = pq.read_table(self.root / "splits.parquet", columns=["split"])["split"]
        return parts.to_numpy().astype("<U10")

    def images(self, rows: Sequence[int]) -> list[bytes | None]:
        """The encoded images of some posts by row number, None where a post has none.

        The first call builds a memory-mapped file beside the tables; the next ones are quick.
        """
        return self._images.read(rows)

    @cached_property
    def _images(self) -> ImageStore:
        path = self.root / "images.arrow"
        build(parts_of(self.root / "posts"), path)
        return ImageStore(path)

    def _read(self, table: str, columns: Sequence[str] | None) -> pa.Table:
        names = _ALL_BUT_IMAGE[table] if columns is None else list(columns)
        parts = parts_of(self.root / table)
        return pa.concat_tables([pq.read_table(part, columns=names) for part in parts])
