"""`INSERT … ON CONFLICT`, which SQLAlchemy has per database only; both of ours spell it alike."""

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite

from training.errors import BadConfig

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def upsert(connection: Connection | Engine, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert statement with `on_conflict_do_update` and `on_conflict_do_nothing`.

    Raises: BadConfig for a database other than SQLite and Postgres.
    """
    name = connection.dialect.name
    if name not in _INSERTS:
        raise BadConfig(f"event databases are SQLite or Postgres, not {name}")
    return _INSERTS[name](table)
