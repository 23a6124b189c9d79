"""How far imports got: noted in the transaction that acknowledges, so that a cut one goes on."""

from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, select

from recsys.events.tables import imports
from recsys.events.transactions import changing, reading
from recsys.events.upsert import upsert


class Imports:
    """Asks where an import stands.

    Args:
        engine: of the event database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, mark: str) -> int:
        """How many rows of an import are acknowledged; 0 if it never began, or if it has ended.

        Args:
            mark: stands for what is imported, as 32 hexadecimal digits.
        """
        query = select(imports.c.rows).where(imports.c.mark == mark)
        with reading(self._engine) as connection:
            return connection.scalar(query) or 0

    def end(self, mark: str) -> None:
        """Forget how far an import got: it has ended, or is to begin anew."""
        with changing(self._engine) as connection:
            connection.execute(delete(imports).where(imports.c.mark == mark))


def advance(connection: Connection, mark: str, rows: int) -> None:
    """Note that so many rows of an import are in; in the transaction that brings the last."""
    values = {"mark": mark, "rows": rows, "updated_at": datetime.now(UTC)}
    insert = upsert(connection, imports).values(**values)
    changed = {"rows": insert.excluded.rows, "updated_at": insert.excluded.updated_at}
    connection.execute(insert.on_conflict_do_update(index_elements=["mark"], set_=changed))
