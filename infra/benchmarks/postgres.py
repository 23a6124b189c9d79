"""A Postgres for a while: a cluster in a temporary folder, reached by a socket in it alone."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import Unavailable

_PLACES = "/usr/lib/postgresql/*/bin"  # Debian's; elsewhere they are on the PATH
_OWNER = "commonspace"
_START_S = 60
_SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "timezone": "Asia/Tokyo",  # far from UTC, so that a time without its zone shows
}
_CARELESS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True)
class Cluster:
    """A running server.

    Attributes:
        folder: with its socket and data.
        pid: of the server.
    """

    folder: Path
    pid: int

    def url(self, database: str) -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{_OWNER}@/{database}?host={self.folder}"

    def execute(self, statements: str, database: str = "postgres") -> None:
        """Run statements outside of a transaction."""
        import psycopg

        place = f"host={self.folder} user={_OWNER} dbname={database}"
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(statements.encode())

    def create(self, database: str, template: str = "template0") -> str:
        """Make a database as a copy of another that nobody is connected to; its URL."""
        self.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


def programs() -> Path | None:
    """The folder with `initdb` and `postgres`, of the latest version; None if there is none."""
    places = sorted(Path("/").glob(_PLACES[1:]), key=lambda place: _number(place.parent.name))
    if found := shutil.which("initdb"):
        places.insert(0, Path(found).resolve().parent)
    good = [
        place for place in places if (place / "initdb").exists() and (place / "postgres").exists()
    ]
    return good[-1] if good else None


@contextmanager
def cluster(*, careless: bool = False) -> Iterator[Cluster]:
    """A new cluster for the body of a `with`; nothing of it is left afterwards.

    Args:
        careless: whether to save time by not writing through to the disk: for tests.
    Raises: Unavailable without Postgres, or if it can't run here.
    """
    place = programs()
    if place is None:
        raise Unavailable("no Postgres here", hint="apt-get install postgresql, or set the PATH")
    folder = Path(tempfile.mkdtemp(prefix="cs-pg-"))  # short: a socket's path has 107 characters
    try:
        user = _unprivileged(folder)
        server = _start(place, folder, user, _SETTINGS | (_CARELESS if careless else {}))
        try:
            yield Cluster(folder, server.pid)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nobody needs what it holds
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(
    place: Path, folder: Path, user: str | None, settings: dict[str, str]
) -> subprocess.Popen:
    data, log = folder / "data", folder / "log"
    run: dict[str, Any] = {
        "user": user,
        "group": None if user is None else pwd.getpwnam(user).pw_gid,
    }
    run |= {
        "extra_groups": None if user is None else [],
        "cwd": folder,
        "stdin": subprocess.DEVNULL,
    }
    form = ["-U", _OWNER, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
    made = subprocess.run(
        [str(place / "initdb"), "-D", str(data), *form],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **run,
    )
    if made.returncode:
        raise Unavailable(f"no Postgres can be made here: {made.stdout.strip()[-500:]}")
    settings = {"unix_socket_directories": str(folder)} | settings
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [str(place / "postgres"), "-D", str(data), *options],
            stdout=stream,
            stderr=stream,
            **run,
        )
    until = time.monotonic() + _START_S
    while not _ready(data / "postmaster.pid"):
        if server.poll() is not None or time.monotonic() > until:
            server.kill()
            server.wait()
            raise Unavailable(f"Postgres did not start: {log.read_text()[-500:]}")
        time.sleep(0.05)
    return server


def _ready(file: Path) -> bool:
    """Whether the server says so in the eighth line of its file."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def _unprivileged(folder: Path) -> str | None:
    """Who runs the server, if not this user: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return name
    raise Unavailable("Postgres doesn't run as root", hint="run it as another user")


def _number(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return 0.0
