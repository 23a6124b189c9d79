"""How much each block counts when one modality asks for another, chosen on validation posts.

The index holds one vector per entity; only the query is weighed, so one index serves all.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from training.evaluation.baselines import unit_rows
from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.retrieval import evaluate_retrieval
from training.model.layout import Block, default_query_weights

GRID = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.5)
"""Weights tried for the blocks beside the strongest one."""
ROUNDS = 2
"""Sweeps over the blocks; each block is tried with the others held."""
LEAST_GAIN = 1e-2
"""In the direction's headline metric: less is noise, and the defaults stay."""

QueryWeights = dict[str, tuple[float, ...]]
"""Direction (`user_to_image`, …) to the weight of each block."""


def choose_query_weights(embedded: EmbeddedPosts, blocks: Sequence[Block]) -> QueryWeights:
    """Weights that rank held-out posts best, direction by direction, block by block.

    Args:
        embedded: the validation split; its own query weights are not looked at.
        blocks: of the space, in order.
    Returns: for every direction that validation can judge the weights found, for all others the
        layout's defaults.
    """
    weights: QueryWeights = {d: tuple(w) for d, w in default_query_weights(blocks).items()}
    if len(blocks) == 1:
        return weights
    for direction in Direction:
        found = _climb(embedded, blocks, direction, weights[direction.value])
        if found is not None:
            weights[direction.value] = found
    return weights


def _climb(
    embedded: EmbeddedPosts, blocks: Sequence[Block], direction: Direction, start: Sequence[float]
) -> tuple[float, ...] | None:
    best = tuple(start)
    score = _score(embedded, blocks, direction, best)
    if score is None:
        return None
    for _, number in itertools.product(range(ROUNDS), range(len(blocks))):
        if start[number] == 1.0:  # the scale is free: the block that counts fully sets it
            continue
        for weight in GRID:
            tried = (*best[:number], weight, *best[number + 1 :])
            value = _score(embedded, blocks, direction, tried)
            if value is not None and value > score + LEAST_GAIN:
                best, score = tried, value
    return best


def _score(
    embedded: EmbeddedPosts, blocks: Sequence[Block], direction: Direction, weights: Sequence[float]
) -> float | None:
    weighed = embedded.asked_with({direction.value: spread(weights, blocks)})
    results = evaluate_retrieval(weighed, directions=[direction], metrics=[direction.headline])
    return results[direction][direction.headline] if direction in results else None


def spread(weights: Sequence[float], blocks: Sequence[Block]) -> np.ndarray:
    """Weights of blocks as (D,) float32 weights of coordinates."""
    return np.repeat(np.asarray(weights, np.float32), [block.dimension for block in blocks])


def apply(vectors: np.ndarray, weights: Sequence[float], blocks: Sequence[Block]) -> np.ndarray:
    """(N, D) embeddings as queries: blocks weighed, rows of unit length again."""
    return unit_rows(vectors * spread(weights, blocks))


def spread_all(
    blocks: Sequence[Block], weights: Mapping[str, Sequence[float]] | None = None
) -> dict[str, np.ndarray]:
    """Direction to (D,) float32; defaults where `weights` says nothing."""
    chosen = dict(default_query_weights(blocks)) | dict(weights or {})
    return {direction: spread(each, blocks) for direction, each in chosen.items()}
