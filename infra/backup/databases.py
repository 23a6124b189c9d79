"""Copies of databases while others write to them, and back."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, create_engine, inspect, make_url

from recsys.config import EventsConfig
from training.errors import BadData, Conflict, Unavailable

_PLACES = "usr/lib/postgresql/*/bin"
"""Debian's place for the programs of each version; elsewhere they are on the PATH."""
_BUSY_S = 60.0
_PAGES = 4096
"""Copied at a time; writers get their turn in between."""


def copy_sqlite(source: Path, target: Path) -> None:
    """One consistent state of a database that may be in use.

    Raises: Unavailable if it can't be read; BadData if SQLite finds it damaged.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=_BUSY_S)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy, pages=_PAGES)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, no log beside it
            (fault,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise Unavailable(f"{source} can't be copied: {error}") from None
    if fault != "ok":
        raise BadData(f"{source} is damaged: {fault}", hint="restore an older backup")


def dump_postgres(config: EventsConfig, target: Path) -> None:
    """`pg_dump` in its own format: one snapshot, others go on writing.

    Raises: Unavailable without the program, or if it fails.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    url = _url(config)
    _run([*_program("pg_dump"), "--format=custom", "--no-owner", f"--file={target}"], url, config)


def restore_postgres(config: EventsConfig, source: Path) -> None:
    """Bring a dump into an empty database, whole or not at all.

    Raises: Conflict if the database has tables; Unavailable as `dump_postgres`.
    """
    url = _url(config)
    engine = create_engine(_with_password(config))
    try:
        tables = inspect(engine).get_table_names()
    except Exception as error:  # the driver's own classes
        raise Unavailable(f"the event database {url!r} doesn't answer: {error}") from None
    finally:
        engine.dispose()
    if tables:
        raise Conflict(
            f"the event database {url!r} holds tables already: {', '.join(sorted(tables)[:5])} …",
            hint="create an empty one, and name it: --set events.url=postgresql+psycopg://…",
        )
    how = ["--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={url.database}"]
    _run([*_program("pg_restore"), *how, str(source)], url, config)


def postgres_programs() -> Path | None:
    """The folder with the latest `pg_dump` and `pg_restore`; None if there is none."""
    places = [*Path("/").glob(_PLACES)]
    if found := shutil.which("pg_dump"):
        places.append(Path(found).resolve().parent)
    good = [p for p in places if (p / "pg_dump").exists() and (p / "pg_restore").exists()]
    return max(good, key=_number) if good else None


def _number(place: Path) -> int:
    name = place.parent.name.partition(".")[0]
    return int(name) if name.isdigit() else 0


def _program(name: str) -> list[str]:
    place = postgres_programs()
    if place is None:
        raise Unavailable(
            f"the event database is a Postgres, and there is no {name} here",
            hint="install PostgreSQL's client programs, of the server's version or newer",
        )
    return [str(place / name)]


def _run(command: Sequence[str], url: URL, config: EventsConfig) -> None:
    """Run a Postgres program; where the server is, it is told by the environment alone."""
    query = {name: str(value) for name, value in url.query.items()}
    named = {
        "PGHOST": url.host or query.get("host"),
        "PGPORT": str(url.port) if url.port else query.get("port"),
        "PGUSER": url.username,
        "PGDATABASE": url.database,
        "PGPASSWORD": config.password.get_secret_value() if config.password else None,
    }
    environment = os.environ | {name: value for name, value in named.items() if value}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")


def _url(config: EventsConfig) -> URL:
    return make_url(config.url)


def _with_password(config: EventsConfig) -> URL:
    url = _url(config)
    return url.set(password=config.password.get_secret_value()) if config.password else url
