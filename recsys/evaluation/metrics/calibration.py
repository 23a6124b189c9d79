"""Whether a list has the mix of categories that the person's history has."""

from collections.abc import Sequence

import numpy as np

SMOOTHING = 0.01
"""How much of the history's mix is put into the list's, so that what is missing costs a finite
amount; the value of the paper."""


def category_shares(categories: Sequence[Sequence[str]]) -> np.ndarray:
    """(N, K) share of each category in each post: equal parts of those it has, zeros without.

    Args:
        categories: of the N posts.
    """
    names = sorted({name for each in categories for name in each})
    number = {name: column for column, name in enumerate(names)}
    shares = np.zeros((len(categories), len(names)))
    for row, each in enumerate(categories):
        for name in set(each):
            shares[row, number[name]] = 1 / len(set(each))
    return shares


def miscalibration(
    histories: Sequence[np.ndarray], lists: Sequence[np.ndarray], shares: np.ndarray
) -> np.ndarray:
    """Kullback-Leibler divergence of a list's mix of categories from the history's, in nats.

    Args:
        histories: of P people, rows of the posts that they liked.
        lists: of the same people, rows of posts.
        shares: (N, K) see `category_shares`.
    Returns: (P,) float >= 0, 0 for the same mix; NaN where list or history has no category.
    Source: Steck, Calibrated recommendations (RecSys 2018), eq. 6.
    """
    values = np.full(len(lists), np.nan)
    for person, (history, shown) in enumerate(zip(histories, lists, strict=True)):
        past, now = shares[history].sum(axis=0), shares[shown].sum(axis=0)
        if past.sum() > 0 and now.sum() > 0:
            past, now = past / past.sum(), now / now.sum()
            now = (1 - SMOOTHING) * now + SMOOTHING * past
            liked = past > 0
            divergence = float(past[liked] @ np.log(past[liked] / now[liked]))
            values[person] = max(0.0, divergence)
    return values
