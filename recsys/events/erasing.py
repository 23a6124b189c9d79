"""Deleting a post or a person for good, with all that the event database holds about them."""

from sqlalchemy import Connection, delete, func, select

from recsys.events import boundaries, exposures, tallies, tombstones
from recsys.events.pictures import drop_unused
from recsys.events.tables import people, posts, reactions, unindexed


def erase_post(connection: Connection, post_id: str) -> int | None:
    """Delete a post with its reactions, and with its picture if nothing else shows that.

    Returns: how many reactions went with it; None if it wasn't there.
    """
    tombstones.bury(connection, [tombstones.of_post(post_id)])
    gone = connection.execute(delete(reactions).where(reactions.c.post_id == post_id)).rowcount
    tallies.drop(connection, post_id)
    boundaries.drop_post(connection, post_id)
    exposures.drop_post(connection, post_id)
    picture = connection.scalar(select(posts.c.image_hash).where(posts.c.post_id == post_id))
    there = connection.execute(delete(posts).where(posts.c.post_id == post_id)).rowcount > 0
    connection.execute(delete(unindexed).where(unindexed.c.post_id == post_id))
    drop_unused(connection, [picture])
    return gone if there else None


def erase_person(connection: Connection, user_id: str) -> tuple[list[str], int]:
    """Delete a person with their posts, their reactions and what was noted about them.

    Returns: the ids of those posts, and how many reactions went, to them or by the person.
    """
    tombstones.bury(connection, [tombstones.of_person(user_id)])
    own = list(connection.scalars(select(posts.c.post_id).where(posts.c.user_id == user_id)))
    gone = sum(erase_post(connection, post_id) or 0 for post_id in own)
    gone += _erase_reactions(connection, user_id)
    boundaries.drop_person(connection, user_id)
    exposures.drop_person(connection, user_id)
    picture = connection.scalar(select(people.c.image_hash).where(people.c.user_id == user_id))
    connection.execute(delete(people).where(people.c.user_id == user_id))
    drop_unused(connection, [picture])
    return own, gone


def _erase_reactions(connection: Connection, user_id: str) -> int:
    by_them, each = reactions.c.user_id == user_id, (reactions.c.post_id, reactions.c.kind)
    counted = select(*each, func.count()).where(by_them).group_by(*each)
    rows = connection.execute(counted).all()
    tallies.take(connection, {(post_id, kind): number for post_id, kind, number in rows})
    return connection.execute(delete(reactions).where(by_them)).rowcount
