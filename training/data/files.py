"""Writing that is whole or absent: locks between processes, and folders that appear at once."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

_PART_BYTES = 512 << 20


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock file; other processes wait. The kernel frees it if this process dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write a file to; it becomes `path` if all goes well, else goes.

    Two processes may write the same file: each has its own path, and the last one stays.
    """
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def fresh_folder(partial: Path) -> Iterator[Path]:
    """An empty folder to work in, gone at the end unless it was renamed.

    What a killed process left under the same name is removed first: hold a lock.
    """
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class TableWriter:
    """Appends tables to Parquet files `part-00000.parquet`, … of a folder.

    A next part begins when one has half a gigabyte. There is one part at least, maybe empty.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = folder
        self._schema = schema
        self._parts = 0
        folder.mkdir(parents=True)
        self._open_next()

    def append(self, table: pa.Table) -> None:
        """Write some rows behind the others."""
        if not len(table):
            return
        if self._path.stat().st_size > _PART_BYTES:
            self._writer.close()
            self._open_next()
        self._writer.write_table(table)

    def close(self) -> None:
        """Finish the last part."""
        self._writer.close()

    def _open_next(self) -> None:
        self._path = self._folder / f"part-{self._parts:05}.parquet"
        self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")
        self._parts += 1


def parts_of(folder: Path) -> list[Path]:
    """The parts that a `TableWriter` wrote, in order."""
    return sorted(folder.glob("part-*.parquet"))
