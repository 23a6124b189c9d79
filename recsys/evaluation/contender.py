"""What is compared: anything that can be fitted on a training part and then recommends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from recsys.evaluation.split import Training
from training.reactions.contenders import Role
from training.reactions.ranking import Scorer

CHUNK_CELLS = 4_000_000


class Fitted(Protocol):
    """A contender that has learned."""

    @property
    def settings(self) -> dict[str, Any]:
        """What it chose on validation."""
        ...

    def recommend(self, people: np.ndarray, k: int, allowed: np.ndarray) -> list[np.ndarray]:
        """Posts for each of some people.

        Args:
            people: (B,) rows.
            k: how many at most.
            allowed: (B, N) bool: what may be recommended to each.
        Returns: B lists of rows of posts, best first.
        """
        ...


@dataclass(frozen=True)
class Contender:
    """A way to recommend.

    Attributes:
        name: in tables.
        role: see `Role`; the claims are judged against baselines.
        fit: learns from a training part. Raises: BadConfig if a package isn't installed.
        skip: why it can't take part in a split at all; None if it can.
    """

    name: str
    role: Role
    fit: Callable[[Training], Fitted]
    skip: Callable[[Training], str | None] = field(default=lambda training: None)


@dataclass(frozen=True)
class ByScore:
    """Lists from scores of all posts. Equal scores are put in an order drawn once by `seed`.

    Attributes:
        scorer: rows of B people to scores (B, N).
        settings: what was chosen on validation.
        seed: of the order of equals: their own order could tell their age.
    """

    scorer: Scorer
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    def recommend(self, people: np.ndarray, k: int, allowed: np.ndarray) -> list[np.ndarray]:
        """As `Fitted.recommend`."""
        posts = allowed.shape[1]
        tie = np.random.default_rng(self.seed).permutation(posts)
        size = max(1, CHUNK_CELLS // max(1, posts))
        lists = []
        for start in range(0, len(people), size):
            scores = np.asarray(self.scorer(people[start : start + size]))
            for row, free in zip(scores, allowed[start : start + size], strict=True):
                rows = np.flatnonzero(free)
                lists.append(rows[np.lexsort((tie[rows], -row[rows]))[:k]])
        return lists


def positives_of(people: np.ndarray, person: np.ndarray, post: np.ndarray) -> Sequence[np.ndarray]:
    """Rows of posts of each of some people, out of pairs (M,) in order of person."""
    start = np.searchsorted(person, people, side="left")
    end = np.searchsorted(person, people, side="right")
    return [post[a:b] for a, b in zip(start, end, strict=True)]
