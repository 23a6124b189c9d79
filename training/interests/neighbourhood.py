"""The posts near a place of the space, and how much each of them counts."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

WIDEST = 100
"""Posts in a neighbourhood at most. Ranking hardly depends on it: the weights fall steeply."""
_NOISE = 1e-6
"""Equal rows give sums that differ in the last bits, on some machines."""
_STEEPNESS = 3
_SCORES_AT_ONCE = 1 << 24
"""64 MB of scores, whatever the number of candidates."""


@dataclass(frozen=True)
class Neighbourhood:
    """The k nearest of N candidates around each of Q places.

    Attributes:
        rows: (Q, k) int64, the nearest first.
        weights: (Q, k) float32 >= 0, each row sums to 1.
        candidates: N.
    """

    rows: np.ndarray
    weights: np.ndarray
    candidates: int

    def matrix(self) -> sparse.csr_matrix:
        """The weights as (Q, N)."""
        starts = np.arange(0, self.rows.size + 1, self.rows.shape[1])
        shape = (len(self.rows), self.candidates)
        return sparse.csr_matrix((self.weights.ravel(), self.rows.ravel(), starts), shape)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """The weighted mean of (N, F) values around each place: (Q, F)."""
        return self.matrix() @ values


def neighbourhoods(
    queries: np.ndarray,
    candidates: np.ndarray,
    *,
    without: np.ndarray | None = None,
    widest: int = WIDEST,
) -> Neighbourhood:
    """The nearest candidates, weighed by the cube of how much nearer they are than the farthest.

    The farthest of them sets the scale, so that no temperature has to fit the model; at most a
    third of the candidates are neighbours, so that few posts have neighbourhoods too.

    Args:
        queries: (Q, D) unit rows.
        candidates: (N, D) unit rows, one at least.
        without: (Q,) a candidate that is none for this query (the post itself); -1 for none.
        widest: most neighbours.
    """
    count = min(widest, max(1, -(-len(candidates) // 3)))
    rows, scores = nearest(queries, candidates, count, without=without)
    there = np.isfinite(scores)  # the left-out one comes last where there is hardly another
    farthest = np.where(there, scores, np.inf).min(axis=1, keepdims=True)
    nearer = np.where(there & (scores - farthest > _NOISE), scores - farthest, 0) ** _STEEPNESS
    nearer[nearer.sum(axis=1) == 0] = 1  # all as near: all count
    nearer[~there] = 0
    return Neighbourhood(
        rows, nearer / np.maximum(nearer.sum(axis=1, keepdims=True), 1e-30), len(candidates)
    )


def nearest(
    queries: np.ndarray, candidates: np.ndarray, count: int, *, without: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (Q, count) int64 of the nearest candidates, best first, and their scores float32.

    Exact, in pieces of bounded memory: 100,000 people among as many others take minutes on one
    processor, not gigabytes.

    Args:
        queries: (Q, D) unit rows.
        candidates: (N, D) unit rows, N >= count.
        count: how many.
        without: as in `neighbourhoods`; such a candidate scores -inf.
    """
    piece = max(1, _SCORES_AT_ONCE // max(1, len(candidates)))
    pool = torch.from_numpy(np.ascontiguousarray(candidates, dtype=np.float32)).T
    rows = np.empty((len(queries), count), dtype=np.int64)
    scores = np.empty((len(queries), count), dtype=np.float32)
    for start in range(0, len(queries), piece):
        chunk = slice(start, start + piece)
        asked = np.ascontiguousarray(queries[chunk], dtype=np.float32)
        found = torch.from_numpy(asked) @ pool
        if without is not None:
            left_out = torch.from_numpy(without[chunk]).long()
            barred = (left_out >= 0).nonzero().squeeze(1)
            found[barred, left_out[barred]] = -torch.inf
        best = torch.topk(found, count, dim=1)
        rows[chunk], scores[chunk] = best.indices.numpy(), best.values.numpy()
    return rows, scores
