"""Writing events: what is sent twice counts once, and what was deleted doesn't come back."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, or_, select

from recsys.events.records import Person, Post, Reaction
from recsys.events.tables import people, posts, reactions, tombstones
from recsys.events.upsert import upsert
from training.errors import Conflict

T = TypeVar("T")
CHUNK = 500
"""Values in one statement; every database takes so many."""


def put_people(connection: Connection, batch: Sequence[Person]) -> int:
    """Add people, or their profiles to those who are there; how many were taken (not deleted)."""
    gone = _buried(connection, (_digest("person", person.user_id) for person in batch))
    rows = [
        {"user_id": person.user_id, "profile": person.profile}
        for person in batch
        if _digest("person", person.user_id) not in gone
    ]
    insert = upsert(connection, people)
    known = insert.excluded.profile
    statement = insert.on_conflict_do_update(
        index_elements=["user_id"], set_={"profile": known}, where=known.is_not(None)
    )
    return _run(connection, statement, rows)


def put_posts(connection: Connection, batch: Sequence[Post]) -> int:
    """Add posts or replace what is known of them; how many were taken (not deleted).

    A post that is private stays private: a repeated import may hide a post, never publish one.

    Raises: Conflict if a post is there already as another person's.
    """
    gone = _buried(connection, (digest for post in batch for digest in _post_digests(post)))
    rows = [_post_row(post) for post in batch if not gone.intersection(_post_digests(post))]
    _check_authors(connection, rows)
    insert = upsert(connection, posts)
    changes: dict[str, Any] = {
        name: insert.excluded[name]
        for name in ("text", "tags", "created_at", "language", "image_hash")
    }
    changes["private"] = or_(posts.c.private, insert.excluded.private)
    statement = insert.on_conflict_do_update(index_elements=["post_id"], set_=changes)
    return _run(connection, statement, rows)


def put_reactions(connection: Connection, batch: Sequence[Reaction]) -> int:
    """Add reactions that aren't there yet; how many were taken (neither end deleted)."""
    ends = [{_digest("person", one.user_id), _digest("post", one.post_id)} for one in batch]
    gone = _buried(connection, (digest for pair in ends for digest in pair))
    rows = [
        {
            "key": reaction_key(one),
            "user_id": one.user_id,
            "post_id": one.post_id,
            "kind": one.kind,
            "value": one.value,
            "created_at": one.created_at,
        }
        for one, pair in zip(batch, ends, strict=True)
        if not gone & pair
    ]
    insert = upsert(connection, reactions)
    return _run(connection, insert.on_conflict_do_nothing(index_elements=["key"]), rows)


def reaction_key(reaction: Reaction) -> str:
    """By which a reaction sent twice is known: who, what, how and when, as 32 hex digits."""
    when = reaction.created_at.astimezone(UTC).isoformat() if reaction.created_at else ""
    return _hash(reaction.user_id, reaction.post_id, reaction.kind, when)


def erase_post(connection: Connection, post_id: str) -> bool:
    """Delete a post with its reactions for good; False if it wasn't there."""
    _bury(connection, [_digest("post", post_id)])
    connection.execute(delete(reactions).where(reactions.c.post_id == post_id))
    return connection.execute(delete(posts).where(posts.c.post_id == post_id)).rowcount > 0


def erase_person(connection: Connection, user_id: str) -> list[str]:
    """Delete a person with their posts and reactions for good; the ids of those posts."""
    _bury(connection, [_digest("person", user_id)])
    own = connection.scalars(select(posts.c.post_id).where(posts.c.user_id == user_id)).all()
    for post_id in own:
        erase_post(connection, post_id)
    connection.execute(delete(reactions).where(reactions.c.user_id == user_id))
    connection.execute(delete(people).where(people.c.user_id == user_id))
    return list(own)


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The values in lists of `size`."""
    part: list[T] = []
    for value in values:
        part.append(value)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _run(connection: Connection, statement: Any, rows: list[dict[str, Any]]) -> int:
    if rows:
        connection.execute(statement, rows)
    return len(rows)


def _post_row(post: Post) -> dict[str, Any]:
    return {
        "post_id": post.post_id,
        "user_id": post.user_id,
        "text": post.text,
        "tags": list(post.tags),
        "created_at": post.created_at,
        "language": post.language,
        "private": post.private,
        "image_hash": post.image_hash,
    }


def _post_digests(post: Post) -> set[str]:
    return {_digest("post", post.post_id), _digest("person", post.user_id)}


def _check_authors(connection: Connection, rows: list[dict[str, Any]]) -> None:
    authors = {row["post_id"]: row["user_id"] for row in rows}
    for part in chunks(authors):
        found = select(posts.c.post_id, posts.c.user_id).where(posts.c.post_id.in_(part))
        for post_id, author in connection.execute(found):
            if authors[post_id] != author:
                raise Conflict(
                    f"post {post_id!r} is {author!r}'s, and can't become {authors[post_id]!r}'s",
                    hint="give the new post another id, or delete the old one first",
                )


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _digest(kind: str, identity: str) -> str:
    return _hash(kind, identity)


def _buried(connection: Connection, digests: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for part in chunks(set(digests)):
        query = select(tombstones.c.digest).where(tombstones.c.digest.in_(part))
        found.update(connection.scalars(query))
    return found


def _bury(connection: Connection, digests: Sequence[str]) -> None:
    now = datetime.now(UTC)
    statement = upsert(connection, tombstones).on_conflict_do_nothing(index_elements=["digest"])
    _run(connection, statement, [{"digest": digest, "created_at": now} for digest in digests])
