"""Whether the words of a name belong together: normalised pointwise mutual information."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import sparse


def topic_coherence(topics: Sequence[Sequence[int]], holds: sparse.csr_matrix) -> float:
    """Mean NPMI of the pairs of words of each topic, averaged over topics.

    1 where words only ever occur together, 0 as by chance, -1 where they never meet.

    Args:
        topics: rows of words, for each topic; topics with under two words count for nothing.
        holds: (N, V) 1 where a post has a term; posts are the documents.
    Returns: in [-1, 1]; NaN if no topic has two words.
    Source: Bouma (2009); as a measure of topics Lau, Newman and Baldwin (2014).
    """
    used = sorted({word for topic in topics for word in topic})
    place = {word: i for i, word in enumerate(used)}
    chosen = holds[:, used].astype(np.float64)
    together = np.asarray((chosen.T @ chosen).todense()) / holds.get_shape()[0]
    means = [
        np.mean([_npmi(together, place[a], place[b]) for a, b in combinations(topic, 2)])
        for topic in topics
        if len(topic) > 1
    ]
    return float(np.mean(means)) if means else float("nan")


def _npmi(together: np.ndarray, first: int, second: int) -> float:
    both = together[first, second]
    if both <= 0:
        return -1.0
    if both >= 1:
        return 1.0
    return float(np.log(both / (together[first, first] * together[second, second])) / -np.log(both))
