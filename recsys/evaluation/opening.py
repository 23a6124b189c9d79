"""The databases of a training part, and the recommender over them."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import numpy as np

from recsys.config import EventsConfig, IndexConfig, RecommendConfig
from recsys.evaluation.indexing import ByJointSpace, ByReactions
from recsys.evaluation.reactions import learned
from recsys.evaluation.split import Training
from recsys.events.database import Events
from recsys.events.records import Person, Post, Reaction
from recsys.filtering import PostFilter
from recsys.reacting import Reacting
from recsys.recommend import Recommender
from recsys.vectors import VectorStore
from training.benchmark.recipe import Recipe
from training.reactions.events import MICROSECONDS_A_DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATER = timedelta(minutes=2)
"""After the last that is known, people ask."""
_BATCH = 1000
_HERE = 1_000_000_000
"""Fewer posts than this are embedded by this process: no cluster is started to measure."""


class Databases:
    """An event database and an index of what a training part knows, at its time.

    Those of the last training part stay open, as several contenders read them.

    Args:
        folder: for the files; each training part gets a folder of its own in it.
        recipe: of the joint space's training, where own posts are what is asked.
        seed: of the models.
    """

    def __init__(self, folder: Path, recipe: Recipe = Recipe(), seed: int = 0) -> None:
        self._folder, self._recipe, self._seed = folder, recipe, seed
        self._training: Training | None = None
        self._open: tuple[VectorStore, Events] | None = None
        self._reacting: Reacting | None = None

    def recommender(self, training: Training, config: RecommendConfig) -> Recommender:
        """The product's recommender over a training part; it serves until the next one is asked."""
        if self._open is None or self._training is not training:
            self.close()
            self._open = self._make(training)
            self._training = training
        now = moment(training.day) + _LATER
        return Recommender(*self._open, config, reacting=self._reacting, clock=lambda: now)

    def close(self) -> None:
        """Let go of the files."""
        if self._open is not None:
            for each in self._open:
                each.close()
        self._open = self._training = self._reacting = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _make(self, training: Training) -> tuple[VectorStore, Events]:
        place = Path(tempfile.mkdtemp(prefix="evaluated-", dir=self._folder))
        events = Events(EventsConfig(), place)
        fill(events, training)
        store = VectorStore(IndexConfig(here_below=_HERE), place)
        if training.own:
            ByJointSpace(training, self._recipe, self._seed)(store, events)
        else:
            known = learned(training, self._seed)
            ByReactions(training, known)(store, events)
            self._reacting = Reacting(known.model)
        return store, events


def candidates_from(training: Training) -> PostFilter | None:
    """The filter that leaves only candidates; None where every post is one."""
    if training.candidates.all():
        return None
    return PostFilter(created_after=moment(training.day) + _LATER / 2)


def fill(events: Events, training: Training) -> None:
    """Bring people, posts and reactions into an event database.

    Own posts that stand among the reactions are there as posts already.
    """
    events.add_people([Person(user) for user in training.users])
    for start in range(0, len(training.posts), _BATCH):
        events.add_posts(_dated(training, range(start, min(start + _BATCH, len(training.posts)))))
    batch = []
    for reaction in () if training.own else _reactions(training):
        batch.append(reaction)
        if len(batch) == _BATCH:
            events.add_reactions(batch)
            batch = []
    events.add_reactions(batch)


def moment(day: float) -> datetime:
    """A time from days since 1970."""
    return _EPOCH + timedelta(microseconds=round(day * MICROSECONDS_A_DAY))


def _dated(training: Training, rows: range) -> list[Post]:
    """Posts; where only some are candidates, these are dated after the time, all at once."""
    posts = [training.posts[row] for row in rows]
    if training.candidates.all():
        return posts
    now = moment(training.day)
    return [
        replace(post, created_at=now + _LATER if candidate else post.created_at or now)
        for post, candidate in zip(posts, training.candidates[rows.start : rows.stop], strict=True)
    ]


def _reactions(training: Training) -> Iterator[Reaction]:
    events = training.events
    columns = (events.person, events.post, events.kind, events.value, events.day)
    for person, post, kind, value, day in zip(*columns, strict=True):
        yield Reaction(
            events.users[person],
            events.posts[post],
            events.kinds[kind],
            None if np.isnan(value) else float(value),
            moment(float(day)),
        )
