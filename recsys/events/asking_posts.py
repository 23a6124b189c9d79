"""Questions about posts, each over a connection."""

from collections.abc import Collection
from dataclasses import fields

from sqlalchemy import Connection, Row, Select, func, null, select

from recsys.events.chunks import chunks
from recsys.events.records import Post
from recsys.events.tables import people, pictures, posts

STREAMED = 1000
LATEST = (posts.c.created_at.desc().nulls_last(), posts.c.post_id)
_FIELDS = [posts.c[field.name] for field in fields(Post)]
_OUTLINED = [null().label("text") if column.name == "text" else column for column in _FIELDS]


def by_id(connection: Connection, post_ids: Collection[str]) -> dict[str, Post]:
    """Those of the posts that exist."""
    return _by_id(connection, select(*_FIELDS), post_ids)


def outlines(connection: Connection, post_ids: Collection[str]) -> dict[str, Post]:
    """As `by_id`, without texts."""
    return _by_id(connection, select(*_OUTLINED), post_ids)


def page(connection: Connection, after: str, count: int) -> list[Post]:
    """The first posts whose id is greater, ascending."""
    query = select(*_FIELDS).where(posts.c.post_id > after).order_by(posts.c.post_id)
    return [_post(row) for row in connection.execute(query.limit(count))]


def visibility_page(connection: Connection, after: str, count: int) -> list[tuple[str, bool]]:
    """The first ids that are greater, ascending: True for a public post."""
    query = select(posts.c.post_id, posts.c.private).where(posts.c.post_id > after)
    rows = connection.execute(query.order_by(posts.c.post_id).limit(count))
    return [(row.post_id, not row.private) for row in rows]


def _by_id(connection: Connection, query: Select, post_ids: Collection[str]) -> dict[str, Post]:
    found: dict[str, Post] = {}
    for part in chunks(post_ids):
        for row in connection.execute(query.where(posts.c.post_id.in_(part))):
            found[row[0]] = _post(row)
    return found


def of_person(connection: Connection, user_id: str) -> list[Post]:
    """A person's posts, latest first, undated ones last."""
    query = select(*_FIELDS).where(posts.c.user_id == user_id).order_by(*LATEST)
    return [_post(row) for row in connection.execute(query)]


def public_of(
    connection: Connection, user_ids: Collection[str], most: int
) -> dict[str, list[Post]]:
    """The latest public posts of each person, at most `most`; an empty list without any."""
    place = func.row_number().over(partition_by=posts.c.user_id, order_by=LATEST)
    found: dict[str, list[Post]] = {user_id: [] for user_id in user_ids}
    for part in chunks(user_ids):
        public = posts.c.user_id.in_(part) & ~posts.c.private
        placed = select(*_FIELDS, place.label("place")).where(public).subquery()
        query = select(placed).where(placed.c.place <= most).order_by(placed.c.place)
        for row in connection.execute(query):
            found[row.user_id].append(_post(row))
    return found


def fresh(
    connection: Connection, count: int, exclude: Collection[str], *, undated: bool = True
) -> list[str]:
    """The latest public posts but for the excluded; at most `count` ids."""
    query = select(posts.c.post_id).where(~posts.c.private).order_by(*LATEST)
    if not undated:
        query = query.where(posts.c.created_at.is_not(None))
    return _first(connection, query, count, exclude)


def _first(
    connection: Connection, query: Select[str], count: int, exclude: Collection[str]
) -> list[str]:
    """The first rows of a query that aren't excluded; a long exclusion fits no statement."""
    found: list[str] = []
    with connection.execution_options(yield_per=STREAMED).execute(query) as stream:
        for (post_id,) in stream:
            if len(found) == count:
                break
            if post_id not in exclude:
                found.append(post_id)
    return found


def lacking_pictures(connection: Connection, hashes: Collection[str]) -> set[str]:
    """Those of the hashes that a public post or a person shows, and that no picture is under."""
    found: set[str] = set()
    for shown, seen in ((posts.c.image_hash, ~posts.c.private), (people.c.image_hash, None)):
        stored = select(pictures.c.image_hash).where(pictures.c.image_hash == shown)
        query = select(shown).where(~stored.exists())
        query = query if seen is None else query.where(seen)
        for part in chunks(hashes):
            found.update(connection.scalars(query.where(shown.in_(part))))
    return found


def _post(row: Row) -> Post:
    """By position, for there are many: a row by `_FIELDS`."""
    post_id, user_id, text, tags, *rest = row[: len(_FIELDS)]
    return Post(post_id, user_id, text, tuple(tags), *rest)
