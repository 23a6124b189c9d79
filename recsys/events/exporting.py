"""The event database as files: all that `commonspace events import` reads, of one moment.

Posts, users and reactions are as training reads them, so that an export is a data set, too.
"""

import csv
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Table, select

from recsys.events import tables
from recsys.events.database import Events
from recsys.events.pictures import StoredPicture, read_pictures
from recsys.events.rows import COLUMNS, TableName, tags_as_text
from recsys.events.transactions import reading
from training.errors import BadConfig, Conflict

Format = Literal["csv", "parquet"]
_ROWS = 1000
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}
_TABLES: dict[TableName, Table] = {
    TableName.DELETED: tables.tombstones,
    TableName.USERS: tables.people,
    TableName.POSTS: tables.posts,
    TableName.REACTIONS: tables.reactions,
    TableName.BOUNDARIES: tables.boundaries,
}
_RENAMED = {
    (TableName.USERS, "text"): "profile",
    (TableName.REACTIONS, "reaction_id"): "key",
}
_TYPES = {
    "created_at": pa.timestamp("us", tz="UTC"),
    "image": pa.binary(),
    "tags": pa.list_(pa.string()),
    "private": pa.bool_(),
    "value": pa.float64(),
}


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        folder: where.
        rows: by table.
        pictures: how many rows show one that is stored.
    """

    folder: Path
    rows: dict[TableName, int]
    pictures: int


def export(
    events: Events,
    folder: Path,
    format: Format = "parquet",
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Exported:
    """Write all posts, people, reactions and boundaries, and hashes of what was deleted.

    In Parquet a picture lies in its row; beside CSV files there is a folder `images`.

    Args:
        events: the database; others may write meanwhile, and what they write is left out.
        folder: is made, and is there only when all is in it.
        format: of the files.
        progress: told the table, and how many rows are written.
    Raises: Conflict if there is something in the folder already, or if it can't be written.
    """
    if format not in ("csv", "parquet"):
        raise BadConfig(f"format must be csv or parquet, not {format!r:.40}")
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is there and not empty", hint="choose another folder")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        done = _write(events, partial, format, progress)
        partial.replace(folder)
    except OSError as error:
        raise Conflict(f"{folder} can't be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Exported(folder, *done)


class _Writer(Protocol):
    def write(self, rows: Sequence[dict[str, Any]]) -> None: ...

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: object) -> object: ...


def _write(
    events: Events, folder: Path, format: Format, progress: Callable[[str, int, int], None]
) -> tuple[dict[TableName, int], int]:
    counts: dict[TableName, int] = {}
    pictures = 0
    opener: Callable[[TableName, Path], _Writer] = _Csv if format == "csv" else _Parquet
    with reading(events._engine) as connection:
        for name in TableName:
            counts[name] = 0
            with ExitStack() as stack:
                writer = stack.enter_context(opener(name, folder))
                for rows in stack.enter_context(closing(_rows(connection, name))):
                    writer.write(rows)
                    counts[name] += len(rows)
                    pictures += sum(row.get("image") is not None for row in rows)
                    progress(name, counts[name], 0)
            progress(name, counts[name], counts[name])
    return counts, pictures


def _rows(connection: Connection, name: TableName) -> Generator[list[dict[str, Any]]]:
    """The rows of a table by the columns that it has in files, with pictures."""
    table, columns = _TABLES[name], written_columns(name)
    stored = {column: _RENAMED.get((name, column), column) for column in columns}
    query = select(table).order_by(*table.primary_key)
    with connection.execution_options(yield_per=_ROWS).execute(query) as stream:
        for part in stream.mappings().partitions():
            shown = {row["image_hash"] for row in part if row.get("image_hash")}
            pictures = read_pictures(connection, shown) if shown else {}
            yield [
                {
                    column: pictures.get(row["image_hash"]) if column == "image" else row[key]
                    for column, key in stored.items()
                }
                for row in part
            ]


def written_columns(name: TableName) -> list[str]:
    """The columns of a table in files: all but the key that senders choose."""
    return [column for column in COLUMNS[name] if column != "key"]


class _Parquet:
    """One Parquet file, a row group for each part."""

    def __init__(self, name: TableName, folder: Path) -> None:
        columns = written_columns(name)
        self._schema = pa.schema([(one, _TYPES.get(one, pa.string())) for one in columns])
        self._writer = pq.ParquetWriter(folder / f"{name}.parquet", self._schema)

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write some rows."""
        values = [
            {
                name: value.data if isinstance(value, StoredPicture) else value
                for name, value in row.items()
            }
            for row in rows
        ]
        self._writer.write_table(pa.Table.from_pylist(values, self._schema))

    def __enter__(self) -> "_Parquet":
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()


class _Csv:
    """One CSV file; pictures go to `images/`."""

    def __init__(self, name: TableName, folder: Path) -> None:
        self._images = folder / "images"
        self._file = (folder / f"{name}.csv").open("w", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._file, written_columns(name))
        self._writer.writeheader()

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write some rows, and their pictures."""
        self._writer.writerows(
            {name: self._cell(value, row) for name, value in row.items()} for row in rows
        )

    def _cell(self, value: Any, row: dict[str, Any]) -> Any:
        match value:
            case StoredPicture():
                name = f"{row['image_hash']}.{_ENDINGS.get(value.media_type, 'bin')}"
                self._images.mkdir(exist_ok=True)
                (self._images / name).write_bytes(value.data)
                return name
            case datetime():
                return value.isoformat()
            case list():
                return tags_as_text(tuple(value))
            case float():
                return repr(value)
            case bool():
                return str(value).lower()
        return value

    def __enter__(self) -> "_Csv":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
