"""Clean data on disk: the one thing that the stages after this one read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from training.data.columns import Batches, hash_array, id_hashes, text_array
from training.data.config import DataConfig, SplitConfig
from training.data.files import parts_of
from training.data.image_store import ImageStore, build
from training.data.report import CheckReport
from training.data.split import PARTS
from training.data.tables import CLEAN, MAPPED_IDS
from training.errors import BadData, NotFound

MANIFEST = "manifest.json"
_ALL_BUT_IMAGE = {
    table: [name for name in schema.names if name != "image"] for table, schema in CLEAN.items()
}

_ROWS_AT_ONCE = 1 << 14
_BUFFER = 1 << 22


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

    def take(self, rows: np.ndarray, columns: Sequence[str]) -> pa.Table:
        """Columns of some posts by row number, ascending; the others are passed by in turn.

        Raises: IndexError if there is no such row.
        """
        taken, before = [], 0
        for batch in self.batches("posts", columns):
            low, high = np.searchsorted(rows, [before, before + len(batch)])
            if low < high:
                taken.append(batch.take(pa.array(rows[low:high] - before)))
            before += len(batch)
        if len(rows) and rows[-1] >= before:
            raise IndexError(f"rows must lie in [0, {before})")
        schema = pa.schema([CLEAN["posts"].field(name) for name in columns])
        return pa.Table.from_batches(taken, schema=schema)

    def batches(self, table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Columns of a table in its order, some ten thousand rows at a time."""
        for part in parts_of(self.root / table):
            # buffered: a part is up to half a gigabyte, and its column chunks may be large
            with pq.ParquetFile(part, buffer_size=_BUFFER, pre_buffer=False) as file:
                yield from file.iter_batches(_ROWS_AT_ONCE, columns=list(columns))

    def reactions(self) -> pa.Table:
        """The reactions: `REACTIONS`; empty if no source was given."""
        return self._read("reactions", None)

    def reaction_batches(self) -> Iterator[pa.RecordBatch]:
        """The reactions in their order, some ten thousand at a time."""
        return self.batches("reactions", CLEAN["reactions"].names)

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

    def split_codes(self) -> np.ndarray:
        """(N,) uint8, aligned with `posts()`: indices of `split.PARTS`."""
        codes = np.empty(self.manifest.counts["posts"], np.uint8)
        at = 0
        with pq.ParquetFile(self.root / "splits.parquet", pre_buffer=False) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["split"]):
                found = pc.index_in(batch.column(0), value_set=pa.array(PARTS))  # type: ignore[attr-defined]
                codes[at : at + len(batch)] = found.to_numpy(zero_copy_only=False)
                at += len(batch)
        return codes

    def ids(self, column: str) -> np.ndarray:
        """(N,) text: `post_id` or `user_id` of the posts; in memory only where they are few."""
        return text_array(self._column(column), self.manifest.counts["posts"], self.root)

    def id_hashes(self, column: str) -> np.ndarray:
        """(N,) uint64 of `post_id` or `user_id` of the posts; see `identity.hash_id`."""
        return id_hashes(self._column(column), self.manifest.counts["posts"])

    def content_hashes(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """(N, 16) uint8 of `text_hash` or `image_hash`, and (N,) bool: whether there is one."""
        return hash_array(self._column(column), self.manifest.counts["posts"])

    def _column(self, name: str) -> Batches:
        return lambda: self.batches("posts", [name])

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


@dataclass(frozen=True)
class SomePosts(CleanData):
    """Clean data of which only some posts are looked at; people and reactions are all there.

    Attributes:
        rows: (n,) int64, ascending, of the posts.
        parts: (n,) text, their splits, which may differ from those of the whole.
    """

    rows: np.ndarray
    parts: np.ndarray

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.root, self.manifest, self.rows, self.parts)

    def posts(self, columns: Sequence[str] | None = None) -> pa.Table:
        """As of the whole, these rows."""
        return self.take(self.rows, _ALL_BUT_IMAGE["posts"] if columns is None else columns)

    def splits(self) -> np.ndarray:
        """(n,) text."""
        return self.parts

    def images(self, rows: Sequence[int]) -> list[bytes | None]:
        """Of these posts by their number among them."""
        return super().images(self.rows[list(rows)].tolist())
