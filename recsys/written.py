"""What a build has written, kept beside it, so that its end need not list all that Milvus holds."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import pyarrow as pa

from recsys.marks import Marks
from recsys.versions import Target

_SCHEMA = pa.schema([("id", pa.string()), ("content", pa.int64()), ("fields", pa.int64())])


class Written:
    """Ids and marks of rows by target, in files that are gone at the end; some 40 bytes a row.

    It reads as a `View` does where a build is compared with the event database. Milvus Lite lists
    a page by going through all rows, which makes a whole list the dearer by the square of them.
    """

    marked = True

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._writers: dict[Target, pa.RecordBatchStreamWriter] = {}

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="written-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        self._stack.close()

    def add(self, target: Target, rows: Sequence[Mapping[str, object]]) -> None:
        """Rows of the index as they were acknowledged; none after the first reading."""
        if target not in self._writers:
            self._writers[target] = pa.ipc.new_stream(self._path(target), _SCHEMA)
        ids = [row["id"] for row in rows]
        contents = [row["content_mark"] for row in rows]
        fields = [row.get("fields_mark", 0) for row in rows]
        self._writers[target].write_batch(pa.record_batch([ids, contents, fields], schema=_SCHEMA))

    def marks(self, target: Target) -> Iterator[list[tuple[str, Marks]]]:
        """As `View.marks`."""
        for batch in self._batches(target):
            ids, contents, fields = (column.to_pylist() for column in batch.columns)
            yield [(id, Marks(*marks)) for id, *marks in zip(ids, contents, fields, strict=True)]

    def ids(self, target: Target) -> Iterator[list[str]]:
        """As `View.ids`."""
        for batch in self._batches(target):
            yield batch.column("id").to_pylist()

    def _batches(self, target: Target) -> Iterator[pa.RecordBatch]:
        self._finish()
        path = self._path(target)
        if path.exists():
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
                yield from reader

    def _finish(self) -> None:
        while self._writers:
            self._writers.popitem()[1].close()

    def _path(self, target: Target) -> Path:
        return self._folder / target.value
