"""What a candidate source is, and where sources are registered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys.config import RecommendConfig
from recsys.events.database import Events
from recsys.filters import Differs, Everything, Field, Filter, without_ids
from recsys.profiles import Profile
from recsys.versions import Target
from recsys.view import Near, View
from training.registry import Registry

EVERY_POST = Everything()
_LEAST_EACH = 60
"""Posts per query, however many queries there are: with fewer, some of the ten best of a person of
many interests stayed unseen."""


@dataclass(frozen=True)
class Nearby:
    """What is near a person.

    Attributes:
        person: nearest to their own place.
        anchors: nearest to each of their latest anchors.
        vectors: (D,) of all of them.
    """

    person: list[Near]
    anchors: list[list[Near]]
    vectors: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Request:
    """What a source may look at.

    Attributes:
        profile: for whom.
        view: the version of the index that this answer keeps to.
        events: the truth.
        config: of the recommender.
        count: how many posts to propose at most.
        exclude: ids that need no proposing: own, seen, or proposed before.
        where: what the asker wants of posts.
    """

    profile: Profile
    view: View
    events: Events
    config: RecommendConfig
    count: int
    exclude: frozenset[str]
    where: Filter = EVERY_POST

    @cached_property
    def nearby(self) -> Nearby:
        """The posts near the person and near each of their latest anchors, by one request.

        All that sources ask of the index at all: a search costs far more than a query in it.
        """
        persons, anchors = self.queries
        queries = np.concatenate([persons, anchors])
        if not len(queries):
            return Nearby([], [], {})
        each = self.each(len(queries))
        found, vectors = self.view.search_with_vectors(Target.POSTS, queries, each, self.others)
        split = len(persons)
        return Nearby(found[0] if split else [], found[split:], vectors)

    @property
    def queries(self) -> tuple[np.ndarray, np.ndarray]:
        """What the sources that are on ask by: (0 or 1, D) the person, (A, D) latest anchors."""
        profile, names = self.profile, self.config.candidates.sources
        person = np.empty((0, self.view.dimension), np.float32)
        if "taste" in names and profile.query is not None:
            person = profile.query[None]
        most = self.config.candidates.related_to if "related" in names else 0
        return person, profile.anchor_queries[:most]

    def each(self, queries: int) -> int:
        """How many posts to ask for by each of so many queries."""
        return min(self.count, max(_LEAST_EACH, -(-2 * self.count // queries)))

    def vector(self, post_id: str) -> np.ndarray | None:
        """The (D,) vector of a post, if the search brought it."""
        searched = self.__dict__.get("nearby")  # a source that needs no search starts none
        return searched.vectors.get(post_id) if searched else None

    @property
    def others(self) -> Filter:
        """Posts of other people that aren't excluded."""
        mine = Differs(Field.AUTHOR, self.profile.user_id) if self.profile.user_id else Everything()
        return mine & without_ids(self.exclude) & self.where


Source = Callable[[Request], list[str]]
"""Proposes ids of posts, best first; empty if it knows no more. What a proposal may not be is the
business of `rules.py`: a source need not know the rules."""

sources = Registry[Source]("candidate source")
