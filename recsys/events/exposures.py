"""The log of what was shown: for experiments, and for estimates of what another rule would do."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, select

from recsys.events import tombstones
from recsys.events.tables import exposures
from recsys.events.transactions import changing, reading
from recsys.events.upsert import upsert

_STREAMED = 1000
_NAMES = [column.name for column in exposures.columns]


@dataclass(frozen=True)
class Exposure:
    """A post that was shown to a person at one place of one answer.

    Attributes:
        exposure_id: 32 characters at most; the same one is logged once.
        request_id: of the answer, 64 characters at most.
        user_id: to whom.
        post_id: what.
        position: in the answer, from 0.
        k: how many were asked for.
        score: by which it was ranked.
        propensity: the probability with which it came to this place, in (0, 1].
        explored: whether it was there to learn about it.
        experiment: that the person was in, if any.
        variant: of the experiment.
        model_version: by which it was found.
        sources: names of the sources that proposed it.
        shown_at: with time zone.
    """

    exposure_id: str
    request_id: str
    user_id: str
    post_id: str
    position: int
    k: int
    score: float
    propensity: float
    explored: bool
    experiment: str | None
    variant: str | None
    model_version: str
    sources: tuple[str, ...]
    shown_at: datetime


class Exposures:
    """Writes the log and reads it.

    Args:
        engine: of the event database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, batch: Sequence[Exposure]) -> int:
        """Log some; how many are new. Those of people or posts that were deleted are left out."""
        statement = upsert(self._engine, exposures).on_conflict_do_nothing()
        with changing(self._engine) as connection:
            ends = {
                one.exposure_id: (
                    tombstones.of_person(one.user_id),
                    tombstones.of_post(one.post_id),
                )
                for one in batch
            }
            gone = tombstones.buried(
                connection, (digest for pair in ends.values() for digest in pair)
            )
            rows = {
                one.exposure_id: asdict(one) | {"sources": list(one.sources)}
                for one in batch
                if gone.isdisjoint(ends[one.exposure_id])
            }
            if not rows:
                return 0
            added = statement.returning(exposures.c.exposure_id)
            ordered = [rows[key] for key in sorted(rows)]
            return len(connection.execute(added, ordered).all())

    def of(self, user_id: str) -> list[Exposure]:
        """All that was shown to a person, latest first."""
        latest = (exposures.c.shown_at.desc(), exposures.c.request_id, exposures.c.position)
        query = select(exposures).where(exposures.c.user_id == user_id).order_by(*latest)
        with reading(self._engine) as connection:
            return [_exposure(row) for row in connection.execute(query)]

    def since(self, experiment: str | None, start: datetime, end: datetime) -> Iterator[Exposure]:
        """All of an experiment with `start` <= shown_at < `end`, earliest first, as a stream.

        Args:
            experiment: its name; None for all that was shown, in an experiment or not.
            start: with time zone.
            end: with time zone.
        """
        query = select(exposures).where(exposures.c.shown_at >= start, exposures.c.shown_at < end)
        if experiment is not None:
            query = query.where(exposures.c.experiment == experiment)
        return self._stream(query.order_by(exposures.c.shown_at, exposures.c.exposure_id))

    def _stream(self, query: Select) -> Iterator[Exposure]:
        with reading(self._engine) as connection:
            streamed = connection.execution_options(yield_per=_STREAMED)
            for row in streamed.execute(query):
                yield _exposure(row)


def drop_person(connection: Connection, user_id: str) -> int:
    """Forget what was shown to a person; how many rows."""
    return connection.execute(delete(exposures).where(exposures.c.user_id == user_id)).rowcount


def drop_post(connection: Connection, post_id: str) -> int:
    """Forget to whom a post was shown; how many rows."""
    return connection.execute(delete(exposures).where(exposures.c.post_id == post_id)).rowcount


def _exposure(row: Row) -> Exposure:
    values: dict[str, Any] = {name: getattr(row, name) for name in _NAMES}
    values["sources"] = tuple(row.sources)
    return Exposure(**values)
