"""What variants would have shown that nobody saw: computed beside the answer, for comparison."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, select

from recsys.events import tombstones
from recsys.events.tables import shadows
from recsys.events.transactions import changing, reading
from recsys.events.upsert import upsert

_STREAMED = 1000


@dataclass(frozen=True)
class Shadow:
    """A post that a variant would have shown at one place of one answer.

    Attributes:
        request_id: of the answer that was shown instead, 64 characters at most.
        experiment: that the person was in.
        variant: of the experiment; not the one that was shown.
        position: in the answer, from 0.
        user_id: to whom it would have been shown.
        post_id: what.
        score: by which the variant ranked it.
        propensity: the probability with which the variant put it there, in (0, 1].
        model_version: by which it was found.
        computed_at: with time zone.
    """

    request_id: str
    experiment: str
    variant: str
    position: int
    user_id: str
    post_id: str
    score: float
    propensity: float
    model_version: str
    computed_at: datetime


class Shadows:
    """Writes them and reads them.

    Args:
        engine: of the event database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, batch: Sequence[Shadow]) -> int:
        """Log some; how many are new. Those of people or posts that were deleted are left out."""
        statement = upsert(self._engine, shadows).on_conflict_do_nothing()
        digests = [
            {tombstones.of_person(one.user_id), tombstones.of_post(one.post_id)} for one in batch
        ]
        with changing(self._engine) as connection:
            gone = tombstones.buried(connection, (digest for pair in digests for digest in pair))
            kept = [
                asdict(one) for one, pair in zip(batch, digests, strict=True) if not gone & pair
            ]
            if not kept:
                return 0
            return len(connection.execute(statement.returning(shadows.c.position), kept).all())

    def of(self, user_id: str) -> list[Shadow]:
        """All that would have been shown to a person, latest first."""
        latest = (shadows.c.computed_at.desc(), *shadows.primary_key.columns)
        query = select(shadows).where(shadows.c.user_id == user_id).order_by(*latest)
        with reading(self._engine) as connection:
            return [Shadow(**row) for row in connection.execute(query).mappings()]

    def since(
        self, experiment: str, variant: str, start: datetime, end: datetime
    ) -> Iterator[Shadow]:
        """All of a variant with `start` <= computed_at < `end`, earliest first, as a stream."""
        query = (
            select(shadows)
            .where(shadows.c.experiment == experiment, shadows.c.variant == variant)
            .where(shadows.c.computed_at >= start, shadows.c.computed_at < end)
            .order_by(shadows.c.computed_at, shadows.c.request_id, shadows.c.position)
        )
        with reading(self._engine) as connection:
            streamed = connection.execution_options(yield_per=_STREAMED)
            for row in streamed.execute(query).mappings():
                yield Shadow(**row)


def drop_person(connection: Connection, user_id: str) -> int:
    """Forget what would have been shown to a person; how many rows."""
    return connection.execute(delete(shadows).where(shadows.c.user_id == user_id)).rowcount


def drop_post(connection: Connection, post_id: str) -> int:
    """Forget to whom a post would have been shown; how many rows."""
    return connection.execute(delete(shadows).where(shadows.c.post_id == post_id)).rowcount
