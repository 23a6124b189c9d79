"""One unit vector a person and a post, from blocks: reactions, content, lift, slack.

A post is [target | sqrt(w) content | lift] / M and a last coordinate that fills it up to norm 1,
with M the largest norm among the posts. A person is [unit | sqrt(w) unit | 1 | 0], also brought to
norm 1. The slack meets the person's 0, so the dot product is (taste · target + w · likeness + lift)
/ constant: the order of all posts is exactly that of the raw scores, and norms still carry
popularity. This is the reduction of inner-product to cosine search of Bachrach et al. (RecSys
2014).

The slack is large for most posts: two posts are compared without it.
"""

import numpy as np


def post_vectors(
    target: np.ndarray, content: np.ndarray, weight: float, lift: np.ndarray, scale: float
) -> np.ndarray:
    """(N, d + C + 2) float32 unit rows.

    Args:
        target: (N, d).
        content: (N, C) unit or zero rows.
        weight: of content, >= 0.
        lift: (N,) >= 0, added to everyone's score of the post.
        scale: M, see `largest_norm`. A row beyond it (a post that came later) is shortened.
    """
    rows = np.concatenate([target, np.sqrt(weight) * content, lift[:, None]], axis=1) / scale
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1.0)
    slack = np.sqrt(np.maximum(1 - np.square(rows).sum(axis=1, keepdims=True), 0))
    return np.concatenate([rows, slack], axis=1).astype(np.float32)


def person_vectors(taste: np.ndarray, content: np.ndarray, weight: float) -> np.ndarray:
    """(B, d + C + 2) float32 unit rows from sums over the history (B, d) and (B, C)."""
    blocks = np.concatenate([unit(taste), np.sqrt(weight) * unit(content)], axis=1)
    with_lift = np.pad(blocks, ((0, 0), (0, 1)), constant_values=1)
    return unit(np.pad(with_lift, ((0, 0), (0, 1)))).astype(np.float32)


def person_norm(weight: float) -> float:
    """Of a person with taste and content before it is brought to 1."""
    return (2 + weight) ** 0.5


def largest_norm(target: np.ndarray, content: np.ndarray, weight: float, lift: np.ndarray) -> float:
    """M of `post_vectors`, a hair above so that rounding leaves every slack real."""
    squares = np.square(target).sum(axis=1) + weight * np.square(content).sum(axis=1) + lift**2
    return max(float(np.sqrt(squares.max(initial=0))), 1e-6) * 1.0001


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows brought to norm 1; zero rows stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
