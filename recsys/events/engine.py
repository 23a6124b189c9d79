"""Opening the database: SQLite in a file, or any database with an SQLAlchemy URL."""

import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, ProgrammingError

from recsys.config import EventsConfig
from recsys.events.schema import upgrade
from recsys.events.transactions import begin_sqlite
from training.errors import BadConfig, CommonspaceError, Unavailable

_BUSY_S = 30
_ATTEMPTS = 5


def open_engine(config: EventsConfig, workspace: Path) -> Engine:
    """Connect, and bring the tables to those of this release.

    Args:
        config: where.
        workspace: what a relative SQLite file is relative to.
    Raises: BadConfig for a URL that can't be read or whose driver isn't installed; Unavailable if
        the database doesn't answer or the file can't be opened; Conflict if a newer release made
        it.
    """
    url = _url(config, workspace)
    try:
        engine = create_engine(url, connect_args=_arguments(url))
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadConfig(
            f"no driver for the event database {url!r}: {error}",
            hint="for Postgres: pip install 'commonspace[postgres]'",
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", begin_sqlite)
    try:
        _upgrade(engine)
    except (OperationalError, ProgrammingError) as error:
        engine.dispose()
        raise Unavailable(f"can't open the event database {url!r}: {error.orig}") from None
    except CommonspaceError:
        engine.dispose()
        raise
    return engine


def _upgrade(engine: Engine) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            return upgrade(engine)
        except OperationalError:  # a file that is new, and that another is making, too
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.1)


def _url(config: EventsConfig, workspace: Path) -> URL:
    if "://" not in config.url:
        file = (workspace / config.url).resolve()
        file.parent.mkdir(parents=True, exist_ok=True)
        return URL.create("sqlite", database=str(file))
    try:
        url = make_url(config.url)
    except ArgumentError:
        raise BadConfig(f"event database {config.url!r} is neither a file nor a URL") from None
    return url.set(password=config.password.get_secret_value()) if config.password else url


def _arguments(url: URL) -> dict[str, Any]:
    return {"timeout": _BUSY_S} if url.get_backend_name() == "sqlite" else {}


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # `begin_sqlite` begins transactions, and not the driver
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers go on while one writes
    cursor.execute("PRAGMA synchronous=FULL")  # what was acknowledged survives a power cut
    cursor.execute("PRAGMA secure_delete=ON")  # what was deleted is overwritten in the file
    cursor.close()
