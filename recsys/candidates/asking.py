"""One recommendation as it is being made: what its sources and its ranking share."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from recsys.config import RecommendConfig
from recsys.events.database import Events
from recsys.filters import Differs, Everything, Field, Filter, Without
from recsys.profiles import Profile
from recsys.reacting import ReactingPerson
from recsys.versions import Target
from recsys.view import Near, View
from training.recorder import SILENT, Recorder

EVERY_POST = Everything()


@dataclass(frozen=True)
class Asking:
    """What a recommendation is made from.

    Attributes:
        profile: for whom.
        view: the version of the index that this answer keeps to.
        events: the truth.
        config: of the recommender.
        now: the time of the answer.
        where: what the asker wants of posts.
        reacting: the person as the model of reactions has them, if there is one.
        recorder: is told of each source.
    """

    profile: Profile
    view: View
    events: Events
    config: RecommendConfig
    now: datetime
    where: Filter = EVERY_POST
    reacting: ReactingPerson | None = None
    recorder: Recorder = SILENT

    @property
    def names(self) -> Sequence[str]:
        """The sources that are asked."""
        candidates = self.config.candidates
        return candidates.sources if self.known else candidates.fallback

    @property
    def known(self) -> bool:
        """Whether anything is known of the person's taste."""
        return self.profile.known or self.likes is not None

    @property
    def likes(self) -> ReactingPerson | None:
        """The person as the model of reactions knows them, if it does."""
        return None if self.reacting is None or self.reacting.silent else self.reacting

    @property
    def approving(self) -> list[str]:
        """Kinds of reactions that speak for a post."""
        return [kind for kind, weight in self.config.history.kinds.items() if weight > 0]

    @cached_property
    def neighbours(self) -> dict[str, float]:
        """People like this person and how like, nearest first; none of those they keep apart."""
        profile = self.profile
        if profile.vector is None:
            return {}
        people = self.config.candidates.neighbours
        apart = profile.boundaries.authors | {profile.user_id}
        query = self.view.aimed(profile.vector[None], Target.USERS, Target.USERS)
        (found,) = self.view.search(Target.USERS, query, people + len(apart))
        near = [one for one in found if one.id not in apart and one.score > 0]
        return {one.id: one.score for one in near[:people]}

    @cached_property
    def liked_nearby(self) -> dict[str, float]:
        """Posts that neighbours liked: how large a part of all their likeness those make up who
        did, in (0, 1]; the order is that of the shares, equal ones by id.
        """
        near = self.neighbours
        if not near:
            return {}
        most = self.config.candidates.neighbour_posts
        likers: defaultdict[str, set[str]] = defaultdict(set)
        least = self.config.history.approving
        for liked in self.events.liked_by(list(near), self.approving, most, least):
            likers[liked.post_id].add(liked.user_id)
        whole = sum(near.values())
        shares = {
            post_id: sum(sorted(near[id] for id in who)) / whole for post_id, who in likers.items()
        }
        return dict(sorted(shares.items(), key=lambda share: (-share[1], share[0])))

    @cached_property
    def others(self) -> Filter:
        """Posts of other people, and of none whom this person keeps apart."""
        profile = self.profile
        found = Differs(Field.AUTHOR, profile.user_id) if profile.user_id else Everything()
        apart = tuple(sorted(profile.boundaries.authors))
        return found & Without(Field.AUTHOR, apart) & self.where

    @cached_property
    def queries(self) -> dict[str, np.ndarray]:
        """What each source that asks the index asks by, (Q, D) rows."""
        profile, nothing = self.profile, np.empty((0, self.view.dimension), np.float32)
        rows = {
            "taste": nothing if profile.query is None else profile.query[None],
            # of a single interest there is nothing to say that the person doesn't say
            "interests": profile.interest_queries if len(profile.interests) > 1 else nothing,
            "related": profile.anchor_queries[: self.config.candidates.related_to],
        }
        return {name: rows[name] for name in self.names if name in rows and len(rows[name])}


Found = dict[str, list[list[Near]]]
"""By source, what each of its queries found."""
