"""What was deleted for good: a hash of each id, so that the id is gone and nothing returns it."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from recsys.events.chunks import chunks
from recsys.events.tables import tombstones
from recsys.events.upsert import upsert
from training.data.identity import tombstone


def of_person(user_id: str) -> str:
    """The digest that stands for a person."""
    return tombstone("person", user_id)


def of_post(post_id: str) -> str:
    """The digest that stands for a post."""
    return tombstone("post", post_id)


def buried(connection: Connection, digests: Iterable[str]) -> set[str]:
    """Those of the digests that stand for what was deleted."""
    found: set[str] = set()
    for part in chunks(set(digests)):
        query = select(tombstones.c.digest).where(tombstones.c.digest.in_(part))
        found.update(connection.scalars(query))
    return found


def bury(connection: Connection, digests: Sequence[str]) -> None:
    """Note that what these stand for was deleted for good."""
    now = datetime.now(UTC)
    statement = upsert(connection, tombstones).on_conflict_do_nothing(index_elements=["digest"])
    rows = [{"digest": one, "created_at": now} for one in digests]
    if rows:
        connection.execute(statement, rows)


def digest(*parts: str) -> str:
    """Blake2b-128 of some texts, as 32 hexadecimal digits."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
