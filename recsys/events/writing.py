"""Writing events: what is sent twice counts once, and what was deleted doesn't come back."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, or_, select

from recsys.events.pictures import drop_unused
from recsys.events.records import Person, Post, Reaction
from recsys.events.tables import people, posts, reactions, tombstones, unindexed
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


def put_posts(connection: Connection, batch: Sequence[Post], *, may_publish: bool = False) -> int:
    """Add posts or replace what is known of them; how many were taken (not deleted).

    A post that is private stays private, unless its author says otherwise (`may_publish`): a
    repeated import may hide a post, never publish one.

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
    kept = insert.excluded.private
    changes["private"] = kept if may_publish else or_(posts.c.private, kept)
    statement = insert.on_conflict_do_update(index_elements=["post_id"], set_=changes)
    return _run(connection, statement, rows)


@dataclass(frozen=True)
class Reacted:
    """What became of some reactions.

    Attributes:
        recorded: new ones.
        repeated: those that were there already.
        refused: those of people or to posts that were deleted for good.
    """

    recorded: int
    repeated: int
    refused: int


def put_reactions(
    connection: Connection, batch: Sequence[Reaction], keys: Sequence[str | None] | None = None
) -> Reacted:
    """Add reactions that aren't there yet.

    Args:
        connection: in a transaction.
        batch: n reactions.
        keys: n keys that their senders chose; without one, see `reaction_key`.
    """
    ends = [{_digest("person", one.user_id), _digest("post", one.post_id)} for one in batch]
    gone = _buried(connection, (digest for pair in ends for digest in pair))
    rows = [
        {
            "key": _hash("client", one.user_id, key) if key else reaction_key(one),
            "user_id": one.user_id,
            "post_id": one.post_id,
            "kind": one.kind,
            "value": one.value,
            "created_at": one.created_at,
        }
        for one, key, pair in zip(batch, keys or [None] * len(batch), ends, strict=True)
        if not gone & pair
    ]
    rows_by_key = {row["key"]: row for row in rows}
    known: set[str] = set()
    for part in chunks(rows_by_key):
        query = select(reactions.c.key).where(reactions.c.key.in_(part))
        known.update(connection.scalars(query))
    fresh = [row for key, row in rows_by_key.items() if key not in known]
    insert = upsert(connection, reactions)
    _run(connection, insert.on_conflict_do_nothing(index_elements=["key"]), fresh)
    return Reacted(len(fresh), len(rows) - len(fresh), len(batch) - len(rows))


def reaction_key(reaction: Reaction) -> str:
    """By which a reaction sent twice is known: who, what, how and when, as 32 hex digits."""
    when = reaction.created_at.astimezone(UTC).isoformat() if reaction.created_at else ""
    return _hash(reaction.user_id, reaction.post_id, reaction.kind, when)


def buried(connection: Connection, post: Post) -> bool:
    """Whether a post or its author was deleted for good."""
    return bool(_buried(connection, _post_digests(post)))


def erase_post(connection: Connection, post_id: str) -> int | None:
    """Delete a post for good, with its reactions and its picture if no other shows that.

    Returns: how many reactions went with it; None if it wasn't there.
    """
    _bury(connection, [_digest("post", post_id)])
    gone = connection.execute(delete(reactions).where(reactions.c.post_id == post_id)).rowcount
    query = select(posts.c.image_hash).where(posts.c.post_id == post_id)
    picture = connection.scalar(query)
    there = connection.execute(delete(posts).where(posts.c.post_id == post_id)).rowcount > 0
    connection.execute(delete(unindexed).where(unindexed.c.post_id == post_id))
    drop_unused(connection, [picture])
    return gone if there else None


def erase_person(connection: Connection, user_id: str) -> tuple[list[str], int]:
    """Delete a person with their posts and reactions for good.

    Returns: the ids of those posts, and how many reactions went, to them or by the person.
    """
    _bury(connection, [_digest("person", user_id)])
    own = connection.scalars(select(posts.c.post_id).where(posts.c.user_id == user_id)).all()
    gone = sum(erase_post(connection, post_id) or 0 for post_id in own)
    by_them = delete(reactions).where(reactions.c.user_id == user_id)
    gone += connection.execute(by_them).rowcount
    connection.execute(delete(people).where(people.c.user_id == user_id))
    return list(own), gone


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
