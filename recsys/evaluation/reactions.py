"""The model of reactions by itself, without the recommender around it: what that should reach."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from recsys.evaluation.contender import ByScore, Contender, Fitted
from recsys.evaluation.split import Training
from training.reactions.contenders import Role
from training.reactions.events import Events
from training.reactions.model import ReactionModel, train_reactions
from training.reactions.opinions import Opinions

NAME = "reactions_alone"


@dataclass(frozen=True)
class Learned:
    """A model of reactions, and the posts in its space: also those that came afterwards.

    Attributes:
        model: learned from the posts that were there.
        posts: (N, D) float32 unit rows.
        rows: (K,) rows of the posts that the model knows, in its order.
    """

    model: ReactionModel
    posts: np.ndarray
    rows: np.ndarray

    def place(self, held: Opinions) -> np.ndarray:
        """(B, D) float32 unit rows of the B people of `held`, whose posts are numbered to N."""
        return self.model.space.place(replace(held, posts=len(self.rows), post=self._own(held)))

    def _own(self, held: Opinions) -> np.ndarray:
        return np.searchsorted(self.rows, held.post)


@lru_cache(maxsize=1)
def learned(training: Training, seed: int = 0) -> Learned:
    """Learn from a training part; the last one is remembered, as two contenders ask for it."""
    rows = np.flatnonzero(training.known)
    events = of_known(training.events, rows)
    authors = [training.posts[row].user_id for row in rows]
    model = train_reactions(events, authors, training.known_features, training.config, seed)
    posts = np.zeros((len(training.posts), model.space.dimension), dtype=np.float32)
    posts[rows] = model.space.vectors
    if len(rows) < len(posts):
        fresh = torch.from_numpy(~training.known)
        posts[~training.known] = model.space.embed_posts(training.features[fresh])
    return Learned(model, posts, rows)


def of_known(events: Events, rows: np.ndarray) -> Events:
    """Reactions to some posts only, which are then numbered in their order (ascending rows)."""
    chosen = events[np.isin(events.post, rows)]
    return replace(
        chosen,
        posts=tuple(events.posts[row] for row in rows),
        post=np.searchsorted(rows, chosen.post),
    )


def reactions_alone(seed: int = 0) -> Contender:
    """Every post ranked by the model's score; no sources, no diversity."""
    return Contender(NAME, Role.CONTROL, lambda training: _fit(training, seed), _own_posts)


def _fit(training: Training, seed: int) -> Fitted:
    known = learned(training, seed)

    def scorer(people: np.ndarray) -> np.ndarray:
        return known.place(training.held.of(people)) @ known.posts.T

    config = known.model.space.config
    settings = {
        "regularisation": config.regularisation,
        "recency_share": config.recency.share,
        "content_weight": config.content_weight,
        "cold_lift": config.cold_lift,
        "epochs": config.epochs,
    }
    return ByScore(scorer, settings, seed)


def _own_posts(training: Training) -> str | None:
    """An own post has one author: nothing is liked by two."""
    return "own posts are no reactions to others' posts" if training.own else None
