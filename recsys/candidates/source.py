"""What a candidate source is, and where sources are registered."""

from collections.abc import Callable
from dataclasses import dataclass

from recsys.config import RecommendConfig
from recsys.events.database import Events
from recsys.filters import Differs, Field, Filter, without_ids
from recsys.profiles import Profile
from recsys.view import View
from training.registry import Registry


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
    """

    profile: Profile
    view: View
    events: Events
    config: RecommendConfig
    count: int
    exclude: frozenset[str]

    @property
    def others(self) -> Filter:
        """Posts of other people that aren't excluded."""
        return Differs(Field.AUTHOR, self.profile.user_id) & without_ids(self.exclude)


Source = Callable[[Request], list[str]]
"""Proposes ids of posts, best first; empty if it knows no more. What a proposal may not be is the
business of `rules.py`: a source need not know the rules."""

sources = Registry[Source]("candidate source")
