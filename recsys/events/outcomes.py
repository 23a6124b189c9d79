"""What people did with what was shown to them: exposures joined with the reactions that followed.

A reaction belongs to the last time that its post was shown to its person before it, in whatever
experiment, if that was within the window. Each kind counts once per exposure, however often it was
sent. Undated reactions belong to nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Interval,
    Row,
    Select,
    String,
    and_,
    case,
    distinct,
    func,
    literal,
    select,
    type_coerce,
)

from recsys.events.tables import exposures, reactions
from recsys.events.transactions import reading

_STREAMED = 1000


@dataclass(frozen=True)
class VariantOutcomes:
    """People of one variant, by period of the experiment.

    Attributes:
        exposures: (P, T) int, what was shown to each person in each period.
        hits: by kind of reaction (P, T) int, how many of these exposures had one.
    """

    exposures: np.ndarray
    hits: dict[str, np.ndarray]

    @property
    def people(self) -> int:
        """P."""
        return len(self.exposures)


@dataclass(frozen=True)
class Outcomes:
    """What an experiment has brought.

    Attributes:
        variants: by name; those that were shown to someone.
        ends: T times, the first moment after each period.
        mixed: people who were shown more than one variant; they are in none.
        pending: exposures whose window isn't over, which aren't counted.
    """

    variants: dict[str, VariantOutcomes]
    ends: tuple[datetime, ...]
    mixed: int
    pending: int


@dataclass(frozen=True)
class Outcome:
    """One post that was shown, and what it was worth.

    Attributes:
        request_id: of the answer.
        user_id: to whom.
        variant: of the experiment.
        position: in the answer, from 0.
        post_id: what.
        propensity: as it was logged.
        reward: sum of the values of the kinds of reactions that it had.
    """

    request_id: str
    user_id: str
    variant: str | None
    position: int
    post_id: str
    propensity: float
    reward: float


class OutcomeReader:
    """Asks the database; only sums leave it, or rows as a stream.

    Args:
        engine: of the event database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def span(self, experiment: str) -> tuple[datetime, datetime] | None:
        """When an experiment's first and last posts were shown; None if none was."""
        when = exposures.c.shown_at
        query = select(func.min(when), func.max(when)).where(exposures.c.experiment == experiment)
        with reading(self._engine) as connection:
            first, last = connection.execute(query).one()
        return (first, last) if first else None

    def of(
        self,
        experiment: str,
        start: datetime,
        ends: Sequence[datetime],
        window_s: int,
        now: datetime,
    ) -> Outcomes:
        """Sums per person and period.

        Args:
            experiment: its name.
            start: the first moment that counts.
            ends: T ascending times; a period is from the one before, or the start, to before it.
            window_s: for how many seconds after it was shown a reaction counts.
            now: what was shown less than a window ago isn't counted yet.
        """
        whole = _between(experiment, start, ends[-1])
        ripe = exposures.c.shown_at <= now - timedelta(seconds=window_s)
        numbered = [(exposures.c.shown_at < end, number) for number, end in enumerate(ends[:-1])]
        last = literal(len(ends) - 1)
        period = case(*numbered, else_=last).label("period") if numbered else last.label("period")
        each = (exposures.c.variant, exposures.c.user_id, period)
        shown = select(*each, func.count()).where(whole, ripe).group_by(*each[:2], "period")
        times = func.count(distinct(exposures.c.exposure_id))
        with reading(self._engine) as connection:
            followed = (
                select(*each, reactions.c.kind, times)
                .select_from(exposures)
                .join(reactions, _belongs(connection, window_s))
                .where(whole, ripe)
                .group_by(*each[:2], "period", reactions.c.kind)
            )
            people = _People(_stream(connection, shown), len(ends))
            variants = people.with_reactions(_stream(connection, followed))
            pending = connection.scalar(select(func.count()).where(whole, ~ripe)) or 0
        return Outcomes(variants, tuple(ends), len(people.mixed), pending)

    def each(
        self,
        experiment: str,
        start: datetime,
        end: datetime,
        window_s: int,
        values: Mapping[str, float],
    ) -> Iterator[Outcome]:
        """Every post that was shown in an experiment, with what it was worth, as a stream.

        Args:
            experiment: its name.
            start: the first moment that counts.
            end: the first one that doesn't; what was shown less than a window ago counts too early.
            window_s: for how many seconds after it was shown a reaction counts.
            values: worth of each kind of reaction; others count 0.
        """
        whole = _between(experiment, start, end)
        kind = reactions.c.kind
        # once per kind: a join of sums would be neater, and Postgres plans it badly
        had = [func.max(case((kind == name, value), else_=None)) for name, value in values.items()]
        reward = sum((func.coalesce(worth, 0.0) for worth in had), literal(0.0))
        names = ("request_id", "user_id", "variant", "position", "post_id", "propensity")
        columns = [exposures.c[name] for name in names]
        order = (exposures.c.shown_at, exposures.c.exposure_id)
        with reading(self._engine) as connection:
            belongs = and_(_belongs(connection, window_s), kind.in_(values))
            query = (
                select(*columns, reward)
                .select_from(exposures)
                .outerjoin(reactions, belongs)
                .where(whole)
                .group_by(*columns, *order)
                .order_by(*order)
            )
            for row in _stream(connection, query):
                yield Outcome(*row)


class _People:
    """Rows of (variant, person, period, count), put together by variant and person."""

    def __init__(self, shown: Iterator[Row], periods: int) -> None:
        self._periods = periods
        self._exposures: dict[str, dict[str, np.ndarray]] = {}
        first: dict[str, str] = {}
        self.mixed: set[str] = set()
        for variant, user_id, period, count in shown:
            if first.setdefault(user_id, variant) != variant:
                self.mixed.add(user_id)
            people = self._exposures.setdefault(variant, {})
            people.setdefault(user_id, np.zeros(periods, np.int64))[period] = count

    def with_reactions(self, followed: Iterator[Row]) -> dict[str, VariantOutcomes]:
        """Each variant's people, but for the mixed, with (variant, person, period, kind, count)."""
        row_of = {
            variant: {
                user_id: row
                for row, user_id in enumerate(user for user in people if user not in self.mixed)
            }
            for variant, people in self._exposures.items()
        }
        hits: dict[str, dict[str, np.ndarray]] = {variant: {} for variant in row_of}
        for variant, user_id, period, kind, count in followed:
            row = row_of[variant].get(user_id)
            if row is not None:
                empty = np.zeros((len(row_of[variant]), self._periods), np.int64)
                hits[variant].setdefault(kind, empty)[row, period] = count
        return {
            variant: VariantOutcomes(self._table(variant, list(rows)), hits[variant])
            for variant, rows in row_of.items()
        }

    def _table(self, variant: str, user_ids: Sequence[str]) -> np.ndarray:
        rows = [self._exposures[variant][user_id] for user_id in user_ids]
        return np.array(rows, np.int64).reshape(len(rows), self._periods)


def _between(experiment: str, start: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(
        exposures.c.experiment == experiment,
        exposures.c.variant.is_not(None),
        exposures.c.shown_at >= start,
        exposures.c.shown_at < end,
    )


def _belongs(connection: Connection, window_s: int) -> ColumnElement[bool]:
    """Whether a reaction belongs to an exposure."""
    newer = exposures.alias("newer")
    again = (
        select(newer.c.exposure_id)
        .where(newer.c.user_id == reactions.c.user_id, newer.c.post_id == reactions.c.post_id)
        .where(newer.c.shown_at > exposures.c.shown_at)
        .where(newer.c.shown_at <= reactions.c.created_at)
        .exists()
    )
    return and_(
        reactions.c.user_id == exposures.c.user_id,
        reactions.c.post_id == exposures.c.post_id,
        reactions.c.created_at >= exposures.c.shown_at,
        reactions.c.created_at < _later(exposures.c.shown_at, connection, window_s),
        ~again,
    )


def _later(
    instant: ColumnElement[datetime], connection: Connection, seconds: int
) -> ColumnElement[Any]:
    """So many seconds after a column's time."""
    if connection.dialect.name == "postgresql":
        return instant + func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=Interval)
    # SQLite has times as text, `2026-01-01 00:00:00.000000`; its functions know milliseconds only
    whole = func.datetime(func.substr(instant, 1, 19), f"+{seconds} seconds")
    return type_coerce(whole.concat(func.substr(instant, 20)), String)


def _stream(connection: Connection, query: Select) -> Iterator[Row]:
    return iter(connection.execution_options(yield_per=_STREAMED).execute(query))
