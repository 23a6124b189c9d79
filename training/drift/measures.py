"""How different two distributions are, and how different chance alone would make them.

All work on counts: a row a person, a column a bin. Posts of one person are no independent draws
(one author of the sample wrote every sixth post), so chance deals out people and never posts.
"""

from collections.abc import Callable

import numpy as np
from scipy import sparse

_SMALLEST = 1e-4
"""Share that stands for an empty bin in the stability index, which would else be infinite."""
_DEALT_AT_ONCE = 20_000_000
_DEVIATIONS = 4
"""Of the deals above their mean: what chance exceeds in less than one of some thousand cases. A
report makes a dozen comparisons, each time it is made."""

Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Two (..., B) arrays of shares to (...) effects."""


def stability_index(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Population stability index: the sum of (q - p) ln(q / p); symmetric, 0 for equal, unbounded.

    Custom calls 0.1 to 0.25 a moderate change. It is shown beside the others and decides nothing:
    its size hangs on how empty bins are filled up.
    Source: Siddiqi, Credit Risk Scorecards (2006), chapter 10.
    """
    p, q = np.maximum(before, _SMALLEST), np.maximum(after, _SMALLEST)
    return ((q - p) * np.log(q / p)).sum(axis=-1)


def jensen_shannon(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Jensen-Shannon distance with logarithms of base 2: a metric in [0, 1].

    Source: Endres and Schindelin, A new metric for probability distributions (2003).
    """
    middle = (before + after) / 2
    divergence = (_relative_entropy(before, middle) + _relative_entropy(after, middle)) / 2
    return np.sqrt(np.clip(divergence, 0, 1))


def kolmogorov_smirnov(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Largest difference of the two distribution functions, in [0, 1]; bins must be in order."""
    return np.abs(np.cumsum(after - before, axis=-1)).max(axis=-1)


def shares(counts: np.ndarray) -> np.ndarray:
    """(..., B) counts to shares; zeros where there is none."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.divide(counts, total, out=np.zeros_like(counts, dtype=np.float64), where=total > 0)


def beyond_chance(deals: np.ndarray) -> float:
    """What an effect must exceed, given (R,) effects of random deals."""
    return float(deals.mean() + _DEVIATIONS * deals.std())


def by_person(people: np.ndarray, bins: np.ndarray, count: int) -> sparse.csr_array:
    """(P, count) counts of rows: `people` (N,) any labels, `bins` (N,) in [0, count)."""
    owner = np.unique(people, return_inverse=True)[1]
    rows = int(owner.max()) + 1 if len(owner) else 0
    ones = np.ones(len(bins))
    return sparse.csr_array((ones, (owner, bins)), shape=(rows, count))


def chance_of(
    before: sparse.csr_array,
    after: sparse.csr_array,
    measure: Measure,
    *,
    resamples: int,
    seed: int,
) -> float:
    """What the measure hardly exceeds where all people are dealt into two groups of these sizes.

    Args:
        before: (P, B) counts of the reference.
        after: (Q, B) counts of now. Someone on both sides counts twice, which makes the answer
            larger than need be where snapshots overlap: it errs towards silence.
        measure: of two arrays of shares.
        resamples: deals.
        seed: of the draws.
    """
    pooled = sparse.csr_array(sparse.vstack([before, after]))
    first, people = len(before.indptr) - 1, len(pooled.indptr) - 1
    if not first or first == people:
        return 0.0
    total = np.asarray(pooled.sum(axis=0)).ravel()
    random = np.random.default_rng(seed)
    found, at_once = [], max(1, _DEALT_AT_ONCE // people)
    for start in range(0, resamples, at_once):
        deals = min(at_once, resamples - start)
        order = random.random((deals, people), dtype=np.float32)
        chosen = order <= np.partition(order, first - 1, axis=1)[:, first - 1 : first]
        counts = chosen.astype(np.float32) @ pooled
        found.append(measure(shares(counts), shares(total - counts)))
    return beyond_chance(np.concatenate(found))


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    ratio = np.divide(p, q, out=np.ones_like(p), where=(p > 0) & (q > 0))
    return (p * np.log2(ratio)).sum(axis=-1)
