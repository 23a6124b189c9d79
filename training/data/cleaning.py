"""All tables of a source through all checks; what comes out goes to a sink."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.data.files import TableWriter
from training.data.forgotten import REASON
from training.data.ledger import ORDER, Ledger, clean_columns, part
from training.data.read import TableSource
from training.data.report import CheckReport, Tally
from training.data.stream import checked_blocks
from training.data.tables import CLEAN, MAPPED_IDS, QUARANTINE, USERS
from training.data.validate import Rules

Progress = Callable[[str, int, int], None]
"""Called with a table's name, its rows so far, and all its rows (0 where nobody knows)."""


class Sink(Protocol):
    """Where rows go once they are judged."""

    def good(self, table: str, rows: pa.Table) -> None:
        """Rows of `CLEAN[table]`."""

    def bad(self, rows: pa.Table) -> None:
        """Rows of `QUARANTINE`."""

    def mapped(self, ids: pa.Table) -> None:
        """Rows of `MAPPED_IDS`."""


class Nowhere:
    """Keeps nothing: for a check."""

    def good(self, table: str, rows: pa.Table) -> None: ...

    def bad(self, rows: pa.Table) -> None: ...

    def mapped(self, ids: pa.Table) -> None: ...


class QuarantineFile(Nowhere):
    """Keeps the bad rows alone, in one file. Use as a context, to finish it."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, QUARANTINE)

    def __enter__(self) -> "QuarantineFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def bad(self, rows: pa.Table) -> None:
        """Append to the file."""
        if len(rows):
            self._writer.write_table(rows)


class Folder:
    """Writes all tables below a folder as they come. Use as a context, to finish the files."""

    def __init__(self, root: Path, *, ids_mapped: bool) -> None:
        self._tables = {table: TableWriter(root / table, schema) for table, schema in CLEAN.items()}
        self._quarantine = pq.ParquetWriter(root / "quarantine.parquet", QUARANTINE)
        self._mapped = (
            pq.ParquetWriter(root / "mapped_ids.parquet", MAPPED_IDS) if ids_mapped else None
        )

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *_: object) -> None:
        for writer in (*self._tables.values(), self._quarantine, self._mapped):
            if writer:
                writer.close()

    def good(self, table: str, rows: pa.Table) -> None:
        """Append to the table's parts."""
        self._tables[table].append(rows)

    def bad(self, rows: pa.Table) -> None:
        """Append to the quarantine."""
        if len(rows):
            self._quarantine.write_table(rows)

    def mapped(self, ids: pa.Table) -> None:
        """Append to the list of mapped ids."""
        if self._mapped and len(ids):
            self._mapped.write_table(ids)


def clean_tables(
    sources: Mapping[str, TableSource],
    rules: Rules,
    sink: Sink,
    *,
    progress: Progress | None = None,
) -> CheckReport:
    """Check every row of every table and hand it to the sink, in the order of the sources.

    Raises: CommonspaceError if a file breaks off; nothing for bad rows, however many.
    """
    ledger, forgotten = Ledger(users_listed="users" in sources), _ForgottenRows()
    tally = Tally()
    for table in (name for name in ORDER if name in sources):
        source = sources[table]
        tally.start(table)
        seen = 0
        for block in checked_blocks(source, rules):
            left = forgotten.without(table, block)
            good, bad = part(table, ledger.judge(table, left))
            tally.add(table, good, bad, forgotten=len(block) - len(left))
            sink.good(table, clean_columns(table, good))
            sink.bad(bad)
            sink.mapped(ledger.mapped(good))
            if table != "users":
                sink.good("users", _without_profile(ledger.newcomers(good)))
            seen += len(block)
            if progress:
                progress(table, seen, source.rows or 0)
    ignored = {table: source.ignored for table, source in sources.items()}
    return tally.report(ledger.people, ignored)


class _ForgottenRows:
    """Takes the forgotten out before anything is judged: the quarantine keeps what it is given."""

    def __init__(self) -> None:
        self._posts: list[np.ndarray] = []

    def without(self, table: str, block: pa.Table) -> pa.Table:
        """The rows of a block that aren't of the forgotten, nor reactions to posts of theirs."""
        out = pc.equal(block["_reason"], REASON).fill_null(False)  # type: ignore[attr-defined]
        keys = block["_key"].filter(out).drop_null()
        if table == "posts" and len(keys):
            self._posts.append(keys.to_numpy())
        if table == "reactions" and self._posts:
            posts = pa.array(np.concatenate(self._posts))
            to_them = pc.is_in(block["_post"], value_set=posts)  # type: ignore[attr-defined]
            out = pc.or_(out, to_them)  # type: ignore[attr-defined]
        return block.filter(pc.invert(out))  # type: ignore[attr-defined]


def _without_profile(user_ids: list[str]) -> pa.Table:
    """People that nothing but their id is known of: a table of `USERS`."""
    nothing = pa.nulls(len(user_ids))
    columns = [
        pa.array(user_ids, pa.string()) if field.name == "user_id" else nothing.cast(field.type)
        for field in USERS
    ]
    return pa.table(columns, schema=USERS)
