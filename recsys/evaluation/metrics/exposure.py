"""Who is shown at all: coverage, concentration on a few posts, fairness to authors."""

from collections.abc import Sequence

import numpy as np


def exposure(lists: Sequence[np.ndarray], posts: int) -> np.ndarray:
    """(N,) how much each post is looked at: the sum of 1 / log2(1 + rank) over the lists.

    Source: the position bias of Singh and Joachims, Fairness of exposure in rankings (KDD 2018).
    """
    total = np.zeros(posts)
    for rows in lists:
        total[rows] += 1 / np.log2(np.arange(2, len(rows) + 2))
    return total


def coverage(lists: Sequence[np.ndarray], candidates: np.ndarray) -> float:
    """Share of the candidates (N,) bool that stand in a list at least; in [0, 1]."""
    shown = np.zeros(len(candidates), dtype=bool)
    for rows in lists:
        shown[rows] = True
    return float((shown & candidates).sum() / max(1, candidates.sum()))


def gini(values: np.ndarray) -> float:
    """Concentration of (N,) values >= 0: 0 where all are equal, (N - 1) / N where one has all.

    Source: as used for popularity bias by Abdollahpouri et al. (arXiv 1901.07555).
    """
    total, count = values.sum(), len(values)
    if total <= 0:
        return 0.0
    ordered = np.sort(values)
    rank = np.arange(1, count + 1)
    return float(max(0.0, ((2 * rank - count - 1) @ ordered) / (count * total)))


def unfairness(exposed: np.ndarray, merit: np.ndarray, authors: np.ndarray) -> float:
    """How far exposure is from being in proportion to merit, over authors.

    Half the sum of the differences between an author's share of all exposure and their share of
    all merit: the part of the exposure that would have to move to make it fair.

    Args:
        exposed: (N,) exposure of each post.
        merit: (N,) how often each post was wanted.
        authors: (N,) whole numbers, equal for posts of one author.
    Returns: in [0, 1], 0 where it is fair; NaN with fewer than two authors, or without exposure or
        merit.
    Source: disparate treatment of Singh and Joachims (KDD 2018), summed over all groups as in
        Biega et al., Equity of attention (SIGIR 2018).
    """
    number = np.unique(authors, return_inverse=True)[1].reshape(-1)
    by_author = [np.bincount(number, weights=each) for each in (exposed, merit)]
    if len(by_author[0]) < 2 or not all(each.sum() > 0 for each in by_author):
        return float("nan")
    shown, earned = (each / each.sum() for each in by_author)
    return float(np.abs(shown - earned).sum() / 2)
