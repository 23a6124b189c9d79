"""How little known the posts of a list are."""

from collections.abc import Sequence

import numpy as np


def novelty(lists: Sequence[np.ndarray], likes: np.ndarray, people: int) -> np.ndarray:
    """Mean -log2 of the share of people who liked each post of a list, in bits.

    One like more is counted for every post, so that an unknown one is worth log2(people + 1) and
    not infinitely much.

    Args:
        lists: of P people, rows of posts.
        likes: (N,) people who liked each post in training.
        people: in training.
    Returns: (P,) float >= 0; NaN for an empty list.
    Source: Vargas and Castells, Rank and relevance in novelty and diversity metrics (RecSys 2011).
    """
    bits = -np.log2((likes + 1) / (people + 1))
    return np.array([bits[rows].mean() if len(rows) else np.nan for rows in lists])
