"""Which posts were written and may not be in the index yet.

A post that is new is missed by comparing ids. One that was written over is there, as it was before,
if a process died between database and index; so each writing leaves a mark here, in the same
transaction, and takes it away when the index has it.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, or_, select

from recsys.events.records import Post
from recsys.events.tables import reactions, unindexed
from recsys.events.upsert import upsert

_AT_ONCE = 200


@dataclass(frozen=True)
class Backlog:
    """What is recorded and not in the index yet.

    Attributes:
        posts: that were written or changed.
        reactions: since the index was begun, by which it doesn't place people yet; answers count
            them all the same. None if that wasn't asked.
    """

    posts: int
    reactions: int | None = None


def backlog(connection: Connection, since: datetime | None = None) -> Backlog:
    """Count what waits; the reactions from a moment on, if one is given: that reads them all."""
    posts = connection.scalar(select(func.count()).select_from(unindexed)) or 0
    if since is None:
        return Backlog(posts)
    later = select(func.count()).select_from(reactions).where(reactions.c.created_at > since)
    return Backlog(posts, connection.scalar(later) or 0)


def mark(connection: Connection, post: Post) -> None:
    """Note that a post was written just now; a mark of its own for each writing.

    A private one needs none: that it is in an index shows by its id.
    """
    if post.private:
        connection.execute(delete(unindexed).where(unindexed.c.post_id == post.post_id))
        return
    insert = upsert(connection, unindexed).values(post_id=post.post_id, mark=secrets.token_hex(8))
    changed = {"mark": insert.excluded.mark}
    connection.execute(insert.on_conflict_do_update(index_elements=["post_id"], set_=changed))


def marks(connection: Connection, post_ids: Collection[str] | None = None) -> dict[str, str]:
    """Marks by post id: of all posts that have one, or of those of the ids."""
    query = select(unindexed.c.post_id, unindexed.c.mark)
    if post_ids is not None:
        query = query.where(unindexed.c.post_id.in_(post_ids))
    return {row.post_id: row.mark for row in connection.execute(query)}


def unmark(connection: Connection, done: Mapping[str, str]) -> None:
    """Take marks away, but of posts that were written again meanwhile."""
    pairs = [
        and_(unindexed.c.post_id == post_id, unindexed.c.mark == mark)
        for post_id, mark in done.items()
    ]
    for start in range(0, len(pairs), _AT_ONCE):
        connection.execute(delete(unindexed).where(or_(*pairs[start : start + _AT_ONCE])))
