"""Questions about reactions, each over a connection."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Connection, func, or_, select

from recsys.events.chunks import chunks
from recsys.events.records import Reaction
from recsys.events.tables import posts, reactions

_STREAMED = 1000
_COLUMNS = {"user_id": pa.string(), "post_id": pa.string(), "kind": pa.string()}
_HISTORY = pa.schema([*_COLUMNS.items(), ("value", pa.float64())])


@dataclass(frozen=True)
class Liked:
    """A person approved of a post.

    Attributes:
        user_id: who.
        post_id: of what.
        created_at: when last, with time zone; None if unknown.
    """

    user_id: str
    post_id: str
    created_at: datetime | None


def of_person(connection: Connection, user_id: str) -> list[Reaction]:
    """What a person did, latest first, undated last."""
    query = (
        select(reactions)
        .where(reactions.c.user_id == user_id)
        .order_by(reactions.c.created_at.desc().nulls_last(), reactions.c.key)
    )
    return [
        Reaction(row.user_id, row.post_id, row.kind, row.value, row.created_at)
        for row in connection.execute(query)
    ]


def seen_by(connection: Connection, user_id: str) -> set[str]:
    """The posts that a person reacted to in any way."""
    query = select(reactions.c.post_id).where(reactions.c.user_id == user_id)
    return set(connection.scalars(query))


def liked_by(
    connection: Connection,
    user_ids: Collection[str],
    kinds: Collection[str],
    most: int,
    least: Mapping[str, float],
) -> list[Liked]:
    """The latest public posts that each of these people approved of: see `Events.liked_by`."""
    value = reactions.c.value
    plain = [kind for kind in kinds if kind not in least]
    approved = or_(
        reactions.c.kind.in_(plain) & or_(value.is_(None), value > 0),
        *((reactions.c.kind == kind) & (value >= least[kind]) for kind in kinds if kind in least),
    )
    both = (reactions.c.user_id, reactions.c.post_id)
    found: list[Liked] = []
    for part in chunks(dict.fromkeys(user_ids)):
        once = (
            select(*both, func.max(reactions.c.created_at).label("created_at"))
            .join(posts, posts.c.post_id == reactions.c.post_id)
            .where(reactions.c.user_id.in_(part), approved, ~posts.c.private)
            .group_by(*both)
            .subquery()
        )
        latest = (once.c.created_at.desc().nulls_last(), once.c.post_id)
        place = func.row_number().over(partition_by=once.c.user_id, order_by=latest)
        placed = select(once, place.label("place")).subquery()
        query = select(placed).where(placed.c.place <= most)
        for row in connection.execute(query.order_by(placed.c.user_id, placed.c.place)):
            found.append(Liked(row.user_id, row.post_id, row.created_at))
    return found


def table(connection: Connection) -> pa.Table:
    """All reactions: user_id, post_id, kind, value."""
    return pa.Table.from_batches(table_batches(connection), _HISTORY)


def table_batches(connection: Connection) -> Iterator[pa.RecordBatch]:
    """The same, some thousand rows at a time."""
    query = select(*(reactions.c[name] for name in _HISTORY.names))
    stream = connection.execution_options(yield_per=_STREAMED).execute(query)
    for part in stream.partitions():
        rows = [dict(zip(_HISTORY.names, row, strict=True)) for row in part]
        yield pa.RecordBatch.from_pylist(rows, _HISTORY)
