"""How many reactions of each kind a post has: kept as reactions come and go, not counted anew."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, Engine, bindparam, delete, func, select, update

from recsys.events.chunks import chunks
from recsys.events.tables import reactions, tallies
from recsys.events.transactions import reading
from recsys.events.upsert import upsert


class Tallies:
    """Questions about tallies.

    Args:
        engine: of the event database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, post_ids: Collection[str]) -> dict[str, dict[str, int]]:
        """Counts by kind of those of the posts that have reactions."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        with reading(self._engine) as connection:
            for part in chunks(post_ids):
                query = select(tallies).where(tallies.c.post_id.in_(part))
                for post_id, kind, count in connection.execute(query):
                    found[post_id][kind] = count
        return dict(found)

    def wrong(self) -> list[str]:
        """The posts whose tallies aren't the number of their reactions; none, unless by a fault."""
        there = select(tallies.c.post_id, tallies.c.kind, tallies.c.count)
        each = (reactions.c.post_id, reactions.c.kind)
        counted = select(*each, func.count()).group_by(*each)
        with reading(self._engine) as connection:
            tallied = {tuple(row) for row in connection.execute(there)}
            differing = tallied ^ {tuple(row) for row in connection.execute(counted)}
        return sorted({str(post_id) for post_id, _, _ in differing})


def add(connection: Connection, counts: Mapping[tuple[str, str], int]) -> None:
    """Add what came in, by post and kind; in the transaction that added the reactions."""
    insert = upsert(connection, tallies)
    changed = {"count": tallies.c.count + insert.excluded.count}
    statement = insert.on_conflict_do_update(index_elements=["post_id", "kind"], set_=changed)
    rows = _rows(counts)
    if rows:
        connection.execute(statement, rows)


def take(connection: Connection, counts: Mapping[tuple[str, str], int]) -> None:
    """Take away what was erased, by post and kind; in the transaction that erased the reactions."""
    this = (tallies.c.post_id == bindparam("of")) & (tallies.c.kind == bindparam("as"))
    less = update(tallies).where(this).values(count=tallies.c.count - bindparam("gone"))
    rows = [
        {"of": row["post_id"], "as": row["kind"], "gone": row["count"]} for row in _rows(counts)
    ]
    if rows:
        connection.execute(less, rows)
        for part in chunks({row["of"] for row in rows}):
            none = tallies.c.post_id.in_(part) & (tallies.c.count <= 0)
            connection.execute(delete(tallies).where(none))


def drop(connection: Connection, post_id: str) -> None:
    """Forget the tallies of a post."""
    connection.execute(delete(tallies).where(tallies.c.post_id == post_id))


def _rows(counts: Mapping[tuple[str, str], int]) -> list[dict[str, object]]:
    """In an order that all writers keep, so that two of them never wait for each other."""
    return [
        {"post_id": post_id, "kind": kind, "count": number}
        for (post_id, kind), number in sorted(counts.items())
    ]
