"""Tombstones: the hashes by which the event database knows what must not come back."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, select

from recsys.events.tables import tombstones
from recsys.events.upsert import upsert
from recsys.events.writing import chunks
from training.data.forgotten import FILE, Forgotten


def bury(engine: Engine, digests: Iterable[str]) -> None:
    """Set tombstones, before anything is deleted: from here on nothing new of theirs is taken."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        insert = upsert(connection, tombstones).on_conflict_do_nothing(index_elements=["digest"])
        for part in chunks(digests):
            connection.execute(insert, [{"digest": each, "created_at": now} for each in part])


def buried(engine: Engine, digest: str) -> bool:
    """Whether there is a tombstone."""
    with engine.connect() as connection:
        query = select(tombstones.c.digest).where(tombstones.c.digest == digest)
        return connection.scalar(query) is not None


def all_tombstones(engine: Engine) -> Forgotten:
    """Every tombstone of the database."""
    with engine.connect() as connection:
        return Forgotten(frozenset(connection.scalars(select(tombstones.c.digest))))


def write_list(engine: Engine, workspace: Path) -> int:
    """Bring the list that training reads up to date; how many are on it.

    Hashes that stand there and not in the database, of another one of the same workspace, stay.
    """
    path = workspace / FILE
    listed = Forgotten(all_tombstones(engine).digests | Forgotten.read(path).digests)
    listed.write(path)
    return len(listed)
