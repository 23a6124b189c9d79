"""The product's own recommender as a contender: real event database, real index, real answers.

Of a training part an event database and an index are made in a temporary folder; then the people
are asked for one by one, as the service does it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from recsys.answers import Recommendation
from recsys.config import RecommendConfig
from recsys.evaluation.contender import Contender, Fitted
from recsys.evaluation.curve import ListsAt
from recsys.evaluation.opening import Databases, candidates_from
from recsys.evaluation.split import Training
from recsys.filtering import PostFilter
from recsys.recommend import K_MOST
from training.observer import SILENT, Observer
from training.reactions.contenders import Role

NAME, PLAIN = "ours", "ours_plain"


class Recommends(Protocol):
    """The part of `recsys.recommend.Recommender` that is measured."""

    def recommend(
        self, user_id: str, k: int | None = None, *, where: PostFilter | None = None
    ) -> Sequence[Recommendation]:
        """Posts for a person, best first."""
        ...


@dataclass(frozen=True)
class Ours:
    """A recommender over a training part.

    Attributes:
        recommender: of the product.
        training: gives the rows of people and posts.
        observer: sees how many people have been asked for.
        settings: of the recommender, where they aren't the defaults.
    """

    recommender: Recommends
    training: Training
    observer: Observer = SILENT
    settings: dict[str, Any] = field(default_factory=dict)

    def recommend(self, people: np.ndarray, k: int, allowed: np.ndarray) -> list[np.ndarray]:
        """As `Fitted.recommend`; where less is allowed than usual, the longest list is cut."""
        training = self.training
        row_of = {post.post_id: row for row, post in enumerate(training.posts)}
        usual = bool((allowed == training.allowed(people)).all())
        where = candidates_from(training)
        asked = min(k, K_MOST) if usual else K_MOST
        lists = []
        for number, person in enumerate(people):
            found = self.recommender.recommend(training.users[person], asked, where=where)
            rows = np.array([row_of[one.post_id] for one in found], dtype=np.int64)
            lists.append(rows if usual else rows[allowed[number, rows]][:k])
            self.observer.advance("people asked for", number + 1, len(people))
        return lists


def ours(databases: Databases, config: RecommendConfig, observer: Observer = SILENT) -> Contender:
    """The recommender as it is configured.

    Where reactions are asked for, posts and people are where the model of reactions has them; where
    own posts are, in a joint space trained on the posts that were there.

    Args:
        databases: of what is known.
        config: of the recommender; new posts aren't explored, whatever it says.
        observer: sees how it goes.
    """
    return _contender(NAME, Role.OURS, databases, unexploring(config), observer)


def ours_plain(
    databases: Databases, config: RecommendConfig, observer: Observer = SILENT
) -> Contender:
    """The same without anything that varies a list: what its ranking is worth alone."""
    return _contender(PLAIN, Role.CONTROL, databases, plain(config), observer)


def varied_lists(
    databases: Databases, config: RecommendConfig, training: Training, people: np.ndarray, k: int
) -> ListsAt:
    """Lists of our recommender by strength of diversity.

    Everything else that varies a list is as configured, near-duplicates and the limit per author
    included, at every strength.
    """
    allowed = training.allowed(people)

    def lists_at(strength: float) -> list[np.ndarray]:
        varied = with_changes(unexploring(config), "diversity", strength=strength)
        recommender = databases.recommender(training, varied)
        return Ours(recommender, training).recommend(people, k, allowed)

    return lists_at


def unexploring(config: RecommendConfig) -> RecommendConfig:
    """Without places for new posts: an evaluation by what is known can't see what they bring."""
    return with_changes(config, "exploration", share=0.0)


def plain(config: RecommendConfig) -> RecommendConfig:
    """Without a limit per author, without variety; what is equal stands there twice."""
    return with_changes(
        unexploring(config), "diversity", per_author=K_MOST, near_duplicate=1.0, strength=0.0
    )


def with_changes(config: RecommendConfig, part: str, **values: Any) -> RecommendConfig:
    """The configuration with some fields of one part set anew. Raises: BadConfig."""
    whole = config.model_dump()
    whole[part] |= values
    return RecommendConfig.parse(whole)


def _contender(
    name: str, role: Role, databases: Databases, config: RecommendConfig, observer: Observer
) -> Contender:
    def fit(training: Training) -> Fitted:
        return Ours(databases.recommender(training, config), training, observer)

    return Contender(name, role, fit)
