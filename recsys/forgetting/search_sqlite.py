"""Looking into an SQLite file: its rows, and the space that deleted rows have left."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from recsys.forgetting.needles import Needle

_AT_ONCE = 1 << 22


def search_sqlite(path: Path, needles: Sequence[Needle]) -> list[tuple[str, bool]]:
    """What of the needles stands in a database and its write-ahead log.

    Rows are read as values. A compact copy has the same rows and nothing else, so bytes that occur
    more often in the file than in the copy are of rows that were deleted.

    Returns: (description, whether it is a mention in someone else's text).
    """
    logs = [path.with_name(path.name + ending) for ending in ("-wal", "-journal")]
    in_file = _counts([path], needles)
    in_logs = _counts([log for log in logs if log.exists()], needles)
    found: list[tuple[str, bool]] = []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        for needle in needles:
            found += _in_rows(connection, needle)
        if any(in_file) or any(in_logs):
            live = _live_counts(connection, needles)
            for needle, here, log, alive in zip(needles, in_file, in_logs, live, strict=True):
                if here > alive:
                    found.append((f"{needle.what} in the space of deleted rows", False))
                elif log and not alive:
                    found.append((f"{needle.what} in the write-ahead log", False))
    return found


def text_columns(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """(table, column) of every column of every table."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for column in connection.execute(f"PRAGMA table_info({quoted(table)})").fetchall():
            yield table, column[1]


def quoted(name: str) -> str:
    """The name of a table or column in a statement."""
    return '"' + name.replace('"', '""') + '"'


def _in_rows(connection: sqlite3.Connection, needle: Needle) -> Iterator[tuple[str, bool]]:
    for table, column in text_columns(connection):
        name = quoted(column)
        rows = connection.execute(
            f"SELECT CAST({name} AS BLOB) FROM {quoted(table)}"
            f" WHERE instr(CAST({name} AS BLOB), ?) > 0",
            (needle.value,),
        )
        equal = mentioned = False
        for (value,) in rows:
            equal = equal or needle.equals(value)
            mentioned = mentioned or needle.mentioned(value)
        if equal or mentioned:
            yield f"{needle.what} in {table}.{column}", not equal


def _live_counts(connection: sqlite3.Connection, needles: Sequence[Needle]) -> list[int]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "compact.db"
        connection.execute("VACUUM INTO ?", (str(copy),))
        return _counts([copy], needles)


def _counts(paths: Sequence[Path], needles: Sequence[Needle]) -> list[int]:
    """How often each needle stands in some files, as raw bytes."""
    overlap = max((len(needle.value) for needle in needles), default=1) + 128
    totals = [0] * len(needles)
    for path in paths:
        tail = b""
        with path.open("rb") as file:
            while piece := file.read(_AT_ONCE):
                data = tail + piece
                for number, needle in enumerate(needles):
                    if needle.value in data:
                        fresh = needle.count(data, text=False) - needle.count(tail, text=False)
                        totals[number] += max(0, fresh)
                tail = data[-overlap:]
    return totals
