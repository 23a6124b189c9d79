"""How well held-out likes are ranked among all posts, for every model by the same rules."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.evaluation.metrics import score_queries
from training.reactions.holdout import Holdout

Scorer = Callable[[np.ndarray], np.ndarray]
"""Rows of B people to scores (B, N) of all posts; higher is better."""

METRICS = ("ndcg@10", "recall@20", "recall@100")
ALL, LIKES, KNOWN = "seen_all", "seen_likes", "known_people"
COLD, AMONG_COLD = "cold_among_all", "cold_among_cold"
SLICES = (LIKES, ALL, KNOWN, COLD, AMONG_COLD)
"""What is ranked, and which posts are left out of a person's ranking.

`seen_likes`: the person's training likes are left out. `seen_all`: whatever they reacted to in
training; an easier task, as dislikes are not among the candidates. `known_people`: `seen_likes`, of
people with a training like; of the others most baselines have nothing to say. `cold_among_all`:
`seen_likes`, with only those held-out posts as positives that nobody likes in training;
`cold_among_cold`: the same with only such posts as candidates.
"""
CHUNK_CELLS = 4_000_000

Measured = dict[str, dict[str, np.ndarray]]
"""Slice to metric to one value for each person with a positive, people ascending."""


@dataclass(frozen=True)
class Task:
    """A hold-out, ready for ranking."""

    people: np.ndarray
    positives: sparse.csr_matrix
    liked: sparse.csr_matrix
    reacted: sparse.csr_matrix
    cold: np.ndarray

    @classmethod
    def of(cls, holdout: Holdout) -> "Task":
        """All people with a held-out like."""
        train = holdout.train
        reacted = sparse.csr_matrix(
            (np.ones(len(train), np.float32), (train.person, train.post)),
            shape=(holdout.held.people, holdout.held.posts),
        )
        return cls(
            people=np.unique(holdout.test.person),
            positives=holdout.test.matrix(),
            liked=holdout.held.likes().matrix(),
            reacted=reacted,
            cold=holdout.cold,
        )

    def only(self, people: np.ndarray) -> "Task":
        """The same for some of the people, ascending."""
        return Task(people, self.positives, self.liked, self.reacted, self.cold)

    def measure(self, scorer: Scorer, slices: tuple[str, ...] = SLICES) -> Measured:
        """Full ranking, never of a sample of posts; equal scores count against the model."""
        parts = [self._measure(chunk, scorer, slices) for chunk in self._chunks()]
        return {
            name: {metric: np.concatenate([p[name][metric] for p in parts]) for metric in METRICS}
            for name in slices
        }

    def _measure(self, people: np.ndarray, scorer: Scorer, slices: tuple[str, ...]) -> Measured:
        scores = np.array(scorer(people), dtype=np.float32)
        scores[self.liked[people].nonzero()] = -np.inf
        positives = self.positives[people].toarray() > 0
        measured = {}
        for name in slices:
            if name == ALL:
                seen = scores.copy()
                seen[self.reacted[people].nonzero()] = -np.inf
                measured[name] = score_queries(seen, positives, METRICS)
            elif name == KNOWN:
                known = self.liked[people].getnnz(axis=1) > 0
                measured[name] = score_queries(scores[known], positives[known], METRICS)
            elif name == AMONG_COLD:
                wanted = positives[:, self.cold]
                measured[name] = score_queries(scores[:, self.cold], wanted, METRICS)
            else:
                wanted = positives & self.cold if name == COLD else positives
                measured[name] = score_queries(scores, wanted, METRICS)
        return measured

    def _chunks(self) -> list[np.ndarray]:
        size = max(1, CHUNK_CELLS // len(self.cold))
        return [self.people[i : i + size] for i in range(0, max(1, len(self.people)), size)]
