"""Every test of the event database runs on SQLite, and on a real Postgres where there is one."""

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.benchmarks.postgres import Cluster, cluster
from recsys.config import EventsConfig
from recsys.events.database import Events
from training.errors import Unavailable

_TEMPLATE = "migrated"
_numbers = itertools.count()


@dataclass
class Place:
    """An event database's place: a file, or a database of the server.

    Attributes:
        config: where it is.
        folder: what a file is relative to.
        fresh: makes another, empty place of the same kind.
        execute: runs SQL there, past our code.
    """

    config: EventsConfig
    folder: Path
    fresh: Callable[..., "Place"]
    execute: Callable[[str], None] = field(repr=False)

    @property
    def is_sqlite(self) -> bool:
        return "://" not in self.config.url

    def open(self) -> Events:
        return Events(self.config, self.folder)

    @property
    def program(self) -> str:
        """How a program of its own names this place."""
        return f"EventsConfig(url={self.config.url!r}), pathlib.Path({str(self.folder)!r})"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One server for all tests, with a database that has the tables, to be copied."""
    pytest.importorskip("psycopg")
    try:
        server = cluster(careless=True)
        running = server.__enter__()
    except Unavailable as error:
        pytest.skip(error.message)
    try:
        url = running.create(_TEMPLATE)
        Events(EventsConfig(url=url), Path("/nowhere")).close()
        yield running
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a test's events are."""
    if request.param == "sqlite":
        yield _file(tmp_path)
        return
    server: Cluster = request.getfixturevalue("postgres")
    made: list[str] = []

    def fresh(*, empty: bool = False) -> Place:
        name = f"events{next(_numbers)}"
        url = server.create(name, "template0" if empty else _TEMPLATE)
        made.append(name)
        config = EventsConfig(url=url)
        return Place(config, tmp_path, fresh, lambda script: server.execute(script, name))

    yield fresh()
    for name in made:
        server.drop(name)


@pytest.fixture
def events(place: Place) -> Iterator[Events]:
    """An open, empty event database."""
    with place.open() as events:
        yield events


def _file(folder: Path) -> Place:
    def fresh(*, empty: bool = False) -> Place:
        return _file(folder / str(next(_numbers)))

    def execute(script: str) -> None:
        folder.mkdir(exist_ok=True)
        connection = sqlite3.connect(folder / "events.db")
        connection.executescript(script)
        connection.close()

    return Place(EventsConfig(), folder, fresh, execute)
