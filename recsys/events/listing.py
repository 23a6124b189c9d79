"""Who and how much there is: people by how much they show, and sums over the tables."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from recsys.events.tables import people, posts, reactions
from training.data.identity import is_good_id


@dataclass(frozen=True)
class Counts:
    """How much an event database holds.

    Attributes:
        people: all of them.
        public: posts that everyone may see.
        private: posts for their authors alone.
        reactions: all of them.
    """

    people: int
    public: int
    private: int
    reactions: int


def people_by_posts(
    connection: Connection, prefix: str, start: int, count: int
) -> list[tuple[str, int]]:
    """Ids of people that begin so, with their number of public posts; most first, then by id.

    Whether letters are small or capital makes no difference.
    """
    if prefix and not is_good_id(prefix):
        return []
    public = (
        select(posts.c.user_id, func.count().label("posts"))
        .where(~posts.c.private, posts.c.user_id.istartswith(prefix, autoescape=True))
        .group_by(posts.c.user_id)
        .subquery()
    )
    total = func.coalesce(public.c.posts, 0)
    query = (
        select(people.c.user_id, total)
        .outerjoin(public, public.c.user_id == people.c.user_id)
        .where(people.c.user_id.istartswith(prefix, autoescape=True))
        .order_by(total.desc(), people.c.user_id)
        .offset(start)
        .limit(count)
    )
    return [(row[0], int(row[1])) for row in connection.execute(query)]


def counts(connection: Connection) -> Counts:
    """Sums over all tables."""
    each = select(posts.c.private, func.count()).group_by(posts.c.private)
    shown = {bool(row[0]): int(row[1]) for row in connection.execute(each)}
    return Counts(
        people=connection.scalar(select(func.count()).select_from(people)) or 0,
        public=shown.get(False, 0),
        private=shown.get(True, 0),
        reactions=connection.scalar(select(func.count()).select_from(reactions)) or 0,
    )
