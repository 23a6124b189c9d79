"""Writing events: what is sent twice counts once, and what was deleted doesn't come back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, func, or_, select

from recsys.events import tallies, tombstones, unindexed
from recsys.events.chunks import chunks
from recsys.events.pictures import StoredPicture, drop_unused, put_pictures
from recsys.events.records import Person, Post, Reaction
from recsys.events.tables import people, posts, reactions
from recsys.events.upsert import upsert
from training.errors import Conflict, Gone


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
    if others := written_by_others(connection, taken):
        post_id, author = next(iter(others.items()))
        raise Conflict(
            f"post {post_id!r} is {author!r}'s, and can't become another person's",
            hint="give the new post another id, or delete the old one first",
        )
    insert = upsert(connection, posts)
    changes: dict[str, Any] = {
        name: insert.excluded[name]
        for name in ("text", "tags", "created_at", "language", "image_hash", "category")
    }
    kept = insert.excluded.private
    changes["private"] = kept if may_publish else or_(posts.c.private, kept)
    statement = insert.on_conflict_do_update(index_elements=["post_id"], set_=changes)
    return _run(connection, statement, rows)


def put_post(connection: Connection, post: Post, picture: StoredPicture | None) -> bool:
    """Write a post as its author wants it now; True if it is new. See `Events.put_post`."""
    query = select(posts.c.image_hash).where(posts.c.post_id == post.post_id)
    before = connection.execute(query).one_or_none()
    if tombstones.buried(connection, _post_digests(post)):
        raise Gone(
            f"post {post.post_id!r:.140} or its author was deleted for good",
            hint="write it under another id",
        )
    put_people(connection, [Person(post.user_id)])
    if picture is not None and post.image_hash:
        put_pictures(connection, {post.image_hash: picture})
    put_posts(connection, [post], may_publish=True)
    unindexed.mark(connection, post)
    drop_unused(connection, [before.image_hash] if before else [])
    return before is None


def written_by_others(connection: Connection, batch: Sequence[Post]) -> dict[str, str]:
    """Posts of a batch that another person has written already, and who; in the batch or before."""
    authors: dict[str, str] = {}
    for part in chunks(dict.fromkeys(post.post_id for post in batch)):
        found = select(posts.c.post_id, posts.c.user_id).where(posts.c.post_id.in_(part))
        authors.update((row.post_id, row.user_id) for row in connection.execute(found))
    return {
        post.post_id: author
        for post in batch
        if (author := authors.setdefault(post.post_id, post.user_id)) != post.user_id
    }


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


def put_reactions(connection: Connection, batch: Sequence[Reaction], ids: Sequence[str]) -> Reacted:
    """Add reactions that aren't there yet.

    Args:
        connection: in a transaction.
        batch: n reactions.
        ids: n ids that they are known by; see `reaction_id`.
    """
    ends = [(tombstones.of_person(one.user_id), tombstones.of_post(one.post_id)) for one in batch]
    gone = tombstones.buried(connection, (digest for pair in ends for digest in pair))
    rows = [
        {
            "key": id,
            "user_id": one.user_id,
            "post_id": one.post_id,
            "kind": one.kind,
            "value": one.value,
            "created_at": one.created_at,
        }
        for one, id, pair in zip(batch, ids, ends, strict=True)
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


def reaction_id(reaction: Reaction, key: str | None = None) -> str:
    """By which a reaction sent twice is known, as 32 hex digits.

    Args:
        reaction: without a key, who, what, how and when decide.
        key: that its sender chose; senders don't know each other's, so it counts with who reacts.
    """
    if key:
        return tombstones.digest("client", reaction.user_id, key)
    when = reaction.created_at.astimezone(UTC).isoformat() if reaction.created_at else ""
    return tombstones.digest(reaction.user_id, reaction.post_id, reaction.kind, when)


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
