"""The product's own recommender as a contender: real event database, real index, real answers.

Of a training part an event database and an index are made in a temporary folder; then the people
are asked for one by one, as the service does it.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from recsys.answers import Recommendation
from recsys.config import RecommendConfig
from recsys.evaluation.contender import Contender, Fitted
from recsys.evaluation.opening import candidates_from, open_recommender
from recsys.evaluation.split import Training
from recsys.filtering import PostFilter
from recsys.recommend import K_MOST
from training.benchmark.recipe import Recipe
from training.observer import SILENT, Observer
from training.reactions.contenders import Role

NAME = "ours"


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


def ours(
    folder: Path,
    config: RecommendConfig,
    recipe: Recipe,
    seed: int = 0,
    *,
    name: str = NAME,
    role: Role = Role.OURS,
    observer: Observer = SILENT,
) -> Contender:
    """The recommender as it is configured.

    Where reactions are asked for, posts and people are where the model of reactions has them; where
    own posts are, in a joint space trained on the posts that were there.

    Args:
        folder: of the databases; each fit makes one of its own in it.
        config: of the recommender.
        recipe: of the joint space's training.
        seed: of the models.
        name: in tables.
        role: `OURS`, or `CONTROL` for a variant.
        observer: sees how it goes.
    """

    def fit(training: Training) -> Fitted:
        place = Path(tempfile.mkdtemp(prefix="evaluated-", dir=folder))
        recommender = open_recommender(training, place, config, recipe, seed)
        return Ours(recommender, training, observer)

    return Contender(name, role, fit)
