"""The modality gap: how far apart two kinds of points lie, and how well scores tell matches apart.

Contrastive spaces keep each modality in a cone of its own (Liang et al., Mind the Gap,
arXiv 2203.02053): a person can find the right image although all images lie far from all people.
Retrieval does not show it, while search over mixed collections suffers from it.
"""

from dataclasses import dataclass

import numpy as np

from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.tasks import RetrievalTask, retrieval_task


@dataclass(frozen=True)
class ModalityGap:
    """The gap of one direction.

    Attributes:
        distance: between the mean query and the mean candidate; 0 to 2 on the unit sphere.
        positives: (m,) cosine similarities of matching pairs, at most `limit` of them.
        negatives: (m,) of pairs that don't match.
    """

    distance: float
    positives: np.ndarray
    negatives: np.ndarray

    @property
    def separation(self) -> float:
        """Chance that a match scores above a non-match (AUC), ties counted half; NaN if none."""
        if not len(self.positives) or not len(self.negatives):
            return float("nan")
        ordered = np.sort(self.negatives)
        below = np.searchsorted(ordered, self.positives, side="left")
        below_or_equal = np.searchsorted(ordered, self.positives, side="right")
        return float((below + below_or_equal).mean() / (2 * len(ordered)))


def modality_gap(
    embedded: EmbeddedPosts, direction: Direction, *, limit: int = 20_000, seed: int = 0
) -> ModalityGap | None:
    """Gap of a direction from a seeded sample of pairs; None if the model can't do it."""
    task = retrieval_task(embedded, direction)
    if task is None:
        return None
    random = np.random.default_rng(seed)
    chosen = random.integers(len(task.queries), size=limit)
    others = random.integers(len(task.candidates), size=limit)
    negative = task.queries.group[chosen] != task.candidates.group[others]
    queries, matches = _matching_pairs(task, limit, random)
    centres = [side.vectors[side.placed].mean(axis=0) for side in (task.queries, task.candidates)]
    return ModalityGap(
        distance=float(np.linalg.norm(centres[0] - centres[1])),
        positives=_cosines(task, queries, matches),
        negatives=_cosines(task, chosen[negative], others[negative]),
    )


def _matching_pairs(
    task: RetrievalTask, limit: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A sample of pairs: a random query, then a random one of its matches."""
    order = np.argsort(task.candidates.group, kind="stable")
    groups = task.candidates.group[order]
    queries = random.integers(len(task.queries), size=min(limit, 20 * len(task.queries)))
    first = np.searchsorted(groups, task.queries.group[queries], side="left")
    behind = np.searchsorted(groups, task.queries.group[queries], side="right")
    return queries, order[random.integers(first, behind)]


def _cosines(task: RetrievalTask, queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    usable = task.queries.placed[queries] & task.candidates.placed[candidates]
    left = task.queries.vectors[queries[usable]]
    right = task.candidates.vectors[candidates[usable]]
    return np.einsum("nd,nd->n", left, right)
