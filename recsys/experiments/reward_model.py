"""A plain guess of what a post at a place is worth: the place's mean, and the post's beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys.experiments.assignment import place

FOLDS = 5


@dataclass(frozen=True)
class RewardModel:
    """Reward as a sum: of the position, and of what the post has beyond its positions.

    Attributes:
        overall: mean reward, for positions that weren't seen.
        positions: mean reward by position.
        posts: by post, how far it is above its positions, drawn towards 0 where little was seen.
    """

    overall: float
    positions: dict[int, float]
    posts: dict[str, float]

    @classmethod
    def fit(
        cls, position: np.ndarray, post: np.ndarray, reward: np.ndarray, prior: float = 20
    ) -> Self:
        """Learn from a log.

        Args:
            position: (N,) int.
            post: (N,) text.
            reward: (N,) float.
            prior: as if each post had been shown so often before, without surprise.
        """
        if len(reward) == 0:
            return cls(0.0, {}, {})
        places, at = np.unique(position, return_inverse=True)
        means = np.bincount(at, reward) / np.bincount(at)
        names, which = np.unique(post, return_inverse=True)
        surprise = np.bincount(which, reward - means[at]) / (np.bincount(which) + prior)
        return cls(
            float(reward.mean()),
            dict(zip(places.tolist(), means.tolist(), strict=True)),
            dict(zip(names.tolist(), surprise.tolist(), strict=True)),
        )

    def predict(self, position: Sequence[int], post: Sequence[str]) -> np.ndarray:
        """(N,) float, the expected reward of each post at its position."""
        return np.array(
            [
                self.positions.get(at, self.overall) + self.posts.get(name, 0.0)
                for at, name in zip(position, post, strict=True)
            ]
        )


def folds(people: np.ndarray) -> np.ndarray:
    """(N,) int in [0, FOLDS), the same for all rows of a person.

    A person's reward is predicted from other people's: a model that has seen the reward that it
    corrects makes the doubly robust estimate biased.
    """
    names, which = np.unique(people, return_inverse=True)
    each = np.array([int(place("fold", name) * FOLDS) for name in names], dtype=np.int64)
    return each[which]
