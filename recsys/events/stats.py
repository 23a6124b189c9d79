"""What an event database holds, in numbers."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, func, select

from recsys.events import tables
from recsys.events.listing import counts


@dataclass(frozen=True)
class Stats:
    """Counts of one moment.

    Attributes:
        schema: revision of the tables.
        people: all of them.
        posts: that everyone may see.
        private_posts: for their authors alone.
        pictures: that are stored, equal ones once.
        picture_bytes: of those.
        reactions: by kind, the commonest first.
        first_reaction: when, of those with a date.
        last_reaction: when.
        boundaries: by kind.
        exposures: logged.
        deleted: posts and people that were deleted for good.
        unindexed: posts that the index may not have as they are.
        cut_imports: imports that have not ended.
    """

    schema: str
    people: int
    posts: int
    private_posts: int
    pictures: int
    picture_bytes: int
    reactions: dict[str, int]
    first_reaction: datetime | None
    last_reaction: datetime | None
    boundaries: dict[str, int]
    exposures: int
    deleted: int
    unindexed: int
    cut_imports: int


def stats(connection: Connection, schema: str) -> Stats:
    """Count everything; the reactions by their tallies.

    Args:
        connection: of one moment.
        schema: revision of the tables.
    """
    found = counts(connection)
    when = tables.reactions.c.created_at
    first, last = connection.execute(select(func.min(when), func.max(when))).one()
    size = func.coalesce(func.sum(func.length(tables.pictures.c.data)), 0)
    return Stats(
        schema=schema,
        people=found.people,
        posts=found.public,
        private_posts=found.private,
        pictures=_rows(connection, tables.pictures),
        picture_bytes=int(connection.scalar(select(size)) or 0),
        reactions=_by(connection, tables.tallies.c.kind, func.sum(tables.tallies.c.count)),
        first_reaction=first,
        last_reaction=last,
        boundaries=_by(connection, tables.boundaries.c.kind, func.count()),
        exposures=_rows(connection, tables.exposures),
        deleted=_rows(connection, tables.tombstones),
        unindexed=_rows(connection, tables.unindexed),
        cut_imports=_rows(connection, tables.imports),
    )


def _rows(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _by(connection: Connection, kind: ColumnElement, number: ColumnElement) -> dict[str, int]:
    query = select(kind, number).group_by(kind).order_by(number.desc(), kind)
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}
