"""How different the posts of one list are from each other."""

from collections.abc import Sequence

import numpy as np


def intra_list_diversity(lists: Sequence[np.ndarray], vectors: np.ndarray) -> np.ndarray:
    """1 - mean cosine over the pairs of posts of each list.

    Args:
        lists: of P people, rows of posts.
        vectors: (N, C) unit rows; a zero row is like nothing.
    Returns: (P,) float in [0, 2]; NaN for a list of fewer than two posts.
    Source: Ziegler et al., Improving recommendation lists through topic diversification (WWW 2005).
    """
    values = np.full(len(lists), np.nan)
    for person, rows in enumerate(lists):
        if len(rows) > 1:
            chosen = vectors[rows].astype(np.float64)
            total, own = np.square(chosen.sum(axis=0)).sum(), np.square(chosen).sum()
            values[person] = 1 - (total - own) / (len(rows) * (len(rows) - 1))
    return values
