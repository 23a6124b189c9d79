"""Bringing a database to the tables of this release, when it is opened and under a lock."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from recsys.events.transactions import changing
from training.errors import Conflict

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "events_schema"
"""Not Alembic's usual name: others may keep tables in the same database."""
_LOCK = 0x636F6D6D  # of Postgres; any number that nobody else takes


@cache
def head() -> str:
    """The revision of this release's tables: the last file's."""
    return max(_known())


def upgrade(engine: Engine) -> None:
    """Run the migrations that the database has not seen; several processes may do so at once.

    A database from before there were migrations has no revision, and gets all of them. One that is
    up to date is told by one look.

    Raises: Conflict if a newer release made the database.
    """
    with engine.connect() as connection:
        if _revision(connection) == head():
            return
    with changing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = _revision(connection)  # again: another process may have been faster
        if found is not None and found not in _known():
            raise Conflict(
                f"a newer release made the event database: its tables are of revision {found!r}, "
                f"and this release knows those up to {head()}",
                hint="install that release, or set events.url to another database",
            )
        if found != head():
            _migrate(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))


def _migrate(connection: Connection) -> None:
    from alembic.config import Config  # late: a database that is up to date needs none of it
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    place = str(MIGRATIONS)
    scripts = ScriptDirectory(place, version_locations=[place])
    environment = EnvironmentContext(
        Config(),
        scripts,
        fn=lambda revision, _: scripts._upgrade_revs("head", revision),  # as `alembic upgrade` does
    )
    environment.configure(connection, version_table=VERSION_TABLE)
    environment.run_migrations()


def _known() -> set[str]:
    return {file.name.partition("_")[0] for file in MIGRATIONS.glob("r[0-9]*.py")}
