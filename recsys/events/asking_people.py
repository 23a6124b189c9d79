"""Questions about people, each over a connection."""

import difflib
from collections.abc import Collection

from sqlalchemy import Connection, select

from recsys.events.chunks import chunks
from recsys.events.records import Person
from recsys.events.tables import people
from training.data.identity import is_good_id
from training.errors import NotFound

_LOOKED_AT = 5000


def person(connection: Connection, user_id: str) -> Person:
    """Raises: NotFound with the nearest known ids."""
    query = select(people).where(people.c.user_id == user_id)
    row = connection.execute(query).one_or_none() if is_good_id(user_id) else None
    if row is None:
        near = _near(connection, user_id)
        hint = f"did you mean {', '.join(near)}?" if near else ""
        raise NotFound(f"no person {user_id!r:.140}", hint=hint)
    return Person(row.user_id, row.profile, row.image_hash)


def known(connection: Connection, user_ids: Collection[str]) -> set[str]:
    """Those of the ids that are people."""
    found: set[str] = set()
    for part in chunks(user_ids):
        query = select(people.c.user_id).where(people.c.user_id.in_(part))
        found.update(connection.scalars(query))
    return found


def profiles(connection: Connection, user_ids: Collection[str]) -> dict[str, Person]:
    """Those of the people who say or show something of themselves, by id."""
    told = people.c.profile.is_not(None) | people.c.image_hash.is_not(None)
    found: dict[str, Person] = {}
    for part in chunks(user_ids):
        query = select(people).where(people.c.user_id.in_(part), told)
        for row in connection.execute(query):
            found[row.user_id] = Person(row.user_id, row.profile, row.image_hash)
    return found


def _near(connection: Connection, user_id: str) -> list[str]:
    """Known ids that look alike, among those with the same beginning or else the first ones."""
    start = user_id[:2] if is_good_id(user_id) else ""
    alike = select(people.c.user_id).where(people.c.user_id.startswith(start, autoescape=True))
    for query in (alike, select(people.c.user_id)):
        ids = list(connection.scalars(query.order_by(people.c.user_id).limit(_LOOKED_AT)))
        if near := difflib.get_close_matches(user_id, ids, n=3):
            return near
    return []
