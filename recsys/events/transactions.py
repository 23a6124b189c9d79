"""Transactions of both databases: reads see one moment, changes don't undo one another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text

_IMMEDIATE = "commonspace_immediate"
_ERASING = 0x65726173  # key of Postgres's lock between changes and erasures


def begin_sqlite(connection: Connection) -> None:
    """Begin as SQLite should: the driver would begin with the first change, after what it read.

    A transaction that reads and then writes can't wait for another writer once it has read, so one
    that is going to write says so at its beginning.
    """
    immediate = connection.get_execution_options().get(_IMMEDIATE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to ask with: all answers are of one moment, whatever others write meanwhile."""
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def changing(engine: Engine, *, erasing: bool = False) -> Iterator[Connection]:
    """A transaction that changes things; committed at the end, or all undone by an error.

    SQLite has one writer at a time. Postgres has many, but none while something is erased: who
    looked for tombstones before an erasure must not write after it.

    Args:
        engine: of the event database.
        erasing: whether it erases.
    """
    with engine.execution_options(**{_IMMEDIATE: True}).begin() as connection:
        if connection.dialect.name == "postgresql":
            lock = "pg_advisory_xact_lock" if erasing else "pg_advisory_xact_lock_shared"
            connection.execute(text(f"SELECT {lock}(:key)"), {"key": _ERASING})
        yield connection
