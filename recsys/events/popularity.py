"""The posts with most reactions, without counting those of all posts."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, func, select

from recsys.events.chunks import chunks
from recsys.events.tables import posts, tallies

_FIRST, _DEEPER = 2, 4


def popular(
    connection: Connection, kinds: Sequence[str], count: int, exclude: Collection[str]
) -> list[str]:
    """The public posts with most reactions of these kinds; at most `count` ids, equal ones by id.

    The heads of the kinds' own rankings are read, and totals are asked for of the posts in them. A
    post in none of the heads has at most the sum of their last counts; those above that sum are
    certain. If they are too few, the heads are made longer.

    Source: the threshold algorithm (Fagin, Lotem, Naor 2003, doi 10.1016/S0022-0000(03)00026-6).
    """
    depth = _FIRST * max(count, 1)
    while True:
        found: set[str] = set()
        bound = 0
        for kind in dict.fromkeys(kinds):
            head = _head(connection, kind, depth)
            found.update(post_id for post_id, _ in head)
            bound += head[-1][1] if len(head) == depth else 0  # a shorter one is all there is
        totals = _totals(connection, kinds, found - set(exclude))
        certain = sorted((-total, id) for id, total in totals.items() if total > bound)
        if len(certain) >= count or bound == 0:
            return [id for _, id in certain[:count]]
        depth *= _DEEPER


def _head(connection: Connection, kind: str, depth: int) -> list[tuple[str, int]]:
    query = select(tallies.c.post_id, tallies.c.count).where(tallies.c.kind == kind)
    ranked = query.order_by(tallies.c.count.desc()).limit(depth)
    return [(row[0], row[1]) for row in connection.execute(ranked)]


def _totals(
    connection: Connection, kinds: Sequence[str], post_ids: Collection[str]
) -> dict[str, int]:
    """Reactions of these kinds to each of those of the posts that are there and public."""
    found: dict[str, int] = {}
    for part in chunks(post_ids):
        query = (
            select(tallies.c.post_id, func.sum(tallies.c.count))
            .join(posts, posts.c.post_id == tallies.c.post_id)
            .where(tallies.c.post_id.in_(part), tallies.c.kind.in_(kinds), ~posts.c.private)
            .group_by(tallies.c.post_id)
        )
        found.update((row[0], int(row[1])) for row in connection.execute(query))
    return found
