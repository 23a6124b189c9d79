"""Tombstones before anything else, and the list of them that training reads."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Engine, select

from recsys.events import tombstones
from recsys.events.chunks import chunks
from recsys.events.tables import tombstones as table
from recsys.events.transactions import changing, reading
from training.data.forgotten import FILE, Forgotten


def bury(engine: Engine, digests: Iterable[str]) -> None:
    """Set tombstones, before anything is deleted: from here on nothing new of theirs is taken."""
    for part in chunks(digests):
        with changing(engine, erasing=True) as connection:
            tombstones.bury(connection, part)


def buried(engine: Engine, digest: str) -> bool:
    """Whether there is a tombstone."""
    with reading(engine) as connection:
        return bool(tombstones.buried(connection, [digest]))


def all_tombstones(engine: Engine) -> Forgotten:
    """Every tombstone of the database."""
    with reading(engine) as connection:
        return Forgotten(frozenset(connection.scalars(select(table.c.digest))))


def write_list(engine: Engine, workspace: Path) -> int:
    """Bring the list that training reads up to date; how many are on it.

    Hashes that stand there and not in the database, of another one of the same workspace, stay. An
    empty list is a file, too: it says that the database was asked.
    """
    path = workspace / FILE
    listed = Forgotten(all_tombstones(engine).digests | Forgotten.read(path).digests)
    if not listed.write(path):
        path.touch()
    return len(listed)
