"""Which terms are one word in other spellings or forms."""

import difflib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

_ALIKE = 0.75
"""Of two spellings, as difflib counts; with a common beginning of three letters."""
_NEAR = 0.65
"""Least cosine of two spellings alike."""
_SAME = 0.93
"""Least cosine of two words that begin with the same two letters and need not be alike."""
_MOST_PEERS = 200


def merge_variants(
    terms: Sequence[str], vectors: np.ndarray, weight: Sequence[float]
) -> np.ndarray:
    """For each term the row of the one that stands for it, mostly itself.

    One word are: what differs in spaces only (`clip art`, `clipart`); what is spelled alike and
    near in the space (`flag`, `flags`, but not `car`, `card`); what begins alike and is all but
    equal there (`gray`, `grey`). Of two-word terms each word must be so: `arrow left` is not
    `arrow right`.

    Args:
        terms: V different ones, normalised.
        vectors: (V, D) unit rows, their text embeddings.
        weight: (V,) the heavier term stands for the lighter.
    Returns: (V,) int; a term that stands for others stands for itself.
    """
    order = sorted(range(len(terms)), key=lambda row: (-weight[row], terms[row]))
    stands = np.arange(len(terms))
    heads: dict[str, list[int]] = defaultdict(list)
    spaceless: dict[str, int] = {}
    for row in order:
        joined = terms[row].replace(" ", "").replace("-", "")
        head = spaceless.get(joined)
        if head is None:
            peers = heads[joined[:2]][:_MOST_PEERS]
            head = next((peer for peer in peers if _one_word(row, peer, terms, vectors)), None)
        if head is None:
            spaceless[joined] = row
            heads[joined[:2]].append(row)
        else:
            stands[row] = head
            spaceless.setdefault(joined, head)
    return stands


def _one_word(first: int, second: int, terms: Sequence[str], vectors: np.ndarray) -> bool:
    ours, theirs = terms[first].split(), terms[second].split()
    if len(ours) != len(theirs):
        return False
    near = float(vectors[first] @ vectors[second])
    if near < _NEAR:
        return False
    pairs = list(zip(ours, theirs, strict=True))
    if len(pairs) == 1 and near >= _SAME:
        return True
    return all(_alike(a, b) for a, b in pairs)


def _alike(first: str, second: str) -> bool:
    if first == second:
        return True
    if min(len(first), len(second)) < 3 or first[:3] != second[:3]:
        return False
    return difflib.SequenceMatcher(None, first, second).ratio() >= _ALIKE
