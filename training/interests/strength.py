"""How much a word says about a place, corrected for words that are near everything."""

import numpy as np

RARE = 1e-3
"""Added to every share: what is absent elsewhere is no endless surprise."""


def strengths(shares: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Bits by which each word tells a place from places in general.

    A word's part in the Kullback–Leibler divergence of the words near the place from the words near
    an average one: share * log2(share / usual share). A hub, a word that is near everyone, is
    usual, and gets 0 however near it is; a word that is rarer here than elsewhere gets less than 0.
    Bits are the same unit for every word and every person, so strengths can be compared.

    Args:
        shares: (Q, V) in [0, 1]: of the neighbourhood of each place, what part has the word.
        usual: (V,) the mean of such shares over many places.
    """
    return shares * np.log2((shares + RARE) / (usual + RARE))


def lifts(shares: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """How many times more common each word is here than usual: (Q, V)."""
    return (shares + RARE) / (usual + RARE)


def percentiles(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Share of a reference population that each value exceeds, word by word: (Q, V) in [0, 1].

    Args:
        values: (Q, V).
        reference: (R, V) the same measure for R places.
    """
    ordered = np.sort(reference, axis=0)
    below = np.empty(values.shape, dtype=np.float32)
    for word in range(values.shape[1]):
        below[:, word] = np.searchsorted(ordered[:, word], values[:, word], side="left")
    return below / max(1, len(reference))
