"""The event database: rows, and the bytes that deleted rows leave in the file."""

from contextlib import closing
from typing import Any

from sqlalchemy import Engine, String, Table, Text, func, select
from sqlalchemy.exc import OperationalError

from recsys.events import erasing
from recsys.events.chunks import chunks
from recsys.events.tables import metadata
from recsys.events.transactions import changing
from recsys.forgetting.keeper import Erased, Left
from recsys.forgetting.search import Found
from recsys.forgetting.subject import Subject

_CHUNK = 200


class EventDatabase:
    """Rows of people, posts, reactions and whatever else the database has of them.

    Args:
        engine: of the database.
    """

    name = "event database"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def erase(self, subject: Subject) -> Erased:
        """Delete rows, then write over the space that they took up.

        SQLite copies rows when it balances a page, and forgets copies in the unused space; only
        `VACUUM` writes all pages anew. Deleted rows also stay in the write-ahead log until that is
        emptied.
        """
        counts: dict[str, int] = {}
        with changing(self._engine, erasing=True) as connection:
            for user_id in subject.people:
                posts, reactions = erasing.erase_person(connection, user_id)
                counts["posts"], counts["reactions"] = len(posts), reactions
        for part in chunks(subject.posts, _CHUNK):
            with changing(self._engine, erasing=True) as connection:
                for post_id in part:
                    gone = erasing.erase_post(connection, post_id)
                    if gone is not None:
                        counts["posts"] = counts.get("posts", 0) + 1
                        counts["reactions"] = counts.get("reactions", 0) + gone
        return Erased({what: n for what, n in counts.items() if n}, self._overwrite())

    def holds(self, subject: Subject) -> list[Found]:
        """Columns of ids that still have one of the subject's."""
        found = []
        with self._engine.connect() as connection:
            for table in metadata.sorted_tables:
                for column in id_columns(table):
                    for part in chunks(subject.ids):
                        query = select(func.count()).where(column.in_(part))
                        if number := connection.scalar(query):
                            where = f"{self.name}, {table.name}.{column.name}"
                            found.append(Found(where, f"id in {number} rows"))
        return found

    def _overwrite(self) -> tuple[Left, ...]:
        if self._engine.dialect.name != "sqlite":
            return self._overwrite_server()
        again = "`commonspace forget` once more, when nothing else uses the database"
        try:
            # not through the pool: VACUUM can't run in a transaction
            with closing(self._engine.raw_connection()) as pooled:
                connection: Any = pooled.driver_connection
                before, connection.isolation_level = connection.isolation_level, None
                try:
                    connection.execute("VACUUM")
                    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    connection.isolation_level = before
        except OperationalError as error:  # pragma: no cover - the driver's own comes through
            return (Left(f"deleted rows in the database's file: {error.orig}", again, blocks=True),)
        except Exception as error:
            if type(error).__module__ != "sqlite3":
                raise
            return (Left(f"deleted rows in the database's file: {error}", again, blocks=True),)
        if busy:
            return (Left("deleted rows in the database's write-ahead log", again, blocks=True),)
        return ()

    def _overwrite_server(self) -> tuple[Left, ...]:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in metadata.sorted_tables:
                name = connection.dialect.identifier_preparer.format_table(table)
                connection.exec_driver_sql(f"VACUUM (FULL) {name}")
        return (
            Left(
                "the database server's own log and its backups",
                "they expire by the server's settings",
            ),
        )


def id_columns(table: Table) -> list[Any]:
    """The columns of a table that may hold the id of a person or a post."""
    return [
        column
        for column in table.columns
        if isinstance(column.type, String)
        and not isinstance(column.type, Text)
        and column.name in ("user_id", "post_id", "target", "author")
    ]
