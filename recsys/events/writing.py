"""Writing events: what is sent twice counts once, and what was deleted doesn't come back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, func, or_, select

from recsys.events import tallies, tombstones
from recsys.events.chunks import chunks
from recsys.events.pictures import drop_unused
from recsys.events.records import Person, Post, Reaction
from recsys.events.tables import people, posts, reactions
from recsys.events.upsert import upsert
from training.errors import Conflict


def put_people(connection: Connection, batch: Sequence[Person]) -> int:
    """Add people, or what is new about those who are there; how many were taken (not deleted)."""
    gone = tombstones.buried(connection, (tombstones.of_person(one.user_id) for one in batch))
    taken = [one for one in batch if tombstones.of_person(one.user_id) not in gone]
    rows = [
        {"user_id": one.user_id, "profile": one.profile, "image_hash": one.image_hash}
        for one in sorted(taken, key=lambda one: one.user_id)
    ]
    shown = [one.user_id for one in taken if one.image_hash]
    before: list[str | None] = []
    for part in chunks(shown):
        query = select(people.c.image_hash).where(people.c.user_id.in_(part))
        before += connection.scalars(query)
    insert = upsert(connection, people)
    new = {name: insert.excluded[name] for name in ("profile", "image_hash")}
    statement = insert.on_conflict_do_update(
        index_elements=["user_id"],
        set_={name: func.coalesce(value, people.c[name]) for name, value in new.items()},
        where=or_(*(value.is_not(None) for value in new.values())),
    )
    done = _run(connection, statement, rows)
    drop_unused(connection, before)
    return done


def put_posts(connection: Connection, batch: Sequence[Post], *, may_publish: bool = False) -> int:
    """Add posts or replace what is known of them; how many were taken (not deleted).

    A post that is private stays private, unless its author says otherwise (`may_publish`): a
    repeated import may hide a post, never publish one.

    Raises: Conflict if a post is there already as another person's.
    """
    gone = tombstones.buried(connection, (one for post in batch for one in _post_digests(post)))
    taken = [post for post in batch if gone.isdisjoint(_post_digests(post))]
    rows = [_post_row(post) for post in sorted(taken, key=lambda post: post.post_id)]
    _check_authors(connection, rows)
    insert = upsert(connection, posts)
    changes: dict[str, Any] = {
        name: insert.excluded[name]
        for name in ("text", "tags", "created_at", "language", "image_hash", "category")
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
    ends = [(tombstones.of_person(one.user_id), tombstones.of_post(one.post_id)) for one in batch]
    gone = tombstones.buried(connection, (digest for pair in ends for digest in pair))
    rows = [
        {
            "key": tombstones.digest("client", one.user_id, key) if key else reaction_key(one),
            "user_id": one.user_id,
            "post_id": one.post_id,
            "kind": one.kind,
            "value": one.value,
            "created_at": one.created_at,
        }
        for one, key, pair in zip(batch, keys or [None] * len(batch), ends, strict=True)
        if gone.isdisjoint(pair)
    ]
    by_key = {row["key"]: row for row in reversed(rows)}  # of equal keys the first counts
    fresh = _insert_new(connection, [by_key[key] for key in sorted(by_key)])
    arrived = ((by_key[key]["post_id"], by_key[key]["kind"]) for key in fresh)
    tallies.add(connection, Counter(arrived))
    return Reacted(len(fresh), len(rows) - len(fresh), len(batch) - len(rows))


def _insert_new(connection: Connection, rows: list[dict[str, Any]]) -> list[str]:
    """The keys of those that weren't there: the database says so, for others write meanwhile."""
    insert = upsert(connection, reactions).on_conflict_do_nothing(index_elements=["key"])
    return list(connection.scalars(insert.returning(reactions.c.key), rows)) if rows else []


def reaction_key(reaction: Reaction) -> str:
    """By which a reaction sent twice is known: who, what, how and when, as 32 hex digits."""
    when = reaction.created_at.astimezone(UTC).isoformat() if reaction.created_at else ""
    return tombstones.digest(reaction.user_id, reaction.post_id, reaction.kind, when)


def buried(connection: Connection, post: Post) -> bool:
    """Whether a post or its author was deleted for good."""
    return bool(tombstones.buried(connection, _post_digests(post)))


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
        "category": post.category,
    }


def _post_digests(post: Post) -> set[str]:
    return {tombstones.of_post(post.post_id), tombstones.of_person(post.user_id)}


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
