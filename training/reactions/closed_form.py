"""Vectors of posts from eigenpairs: one as part of a history, one as a candidate."""

from dataclasses import dataclass

import numpy as np

from training.reactions.spectrum import Spectrum

SMALLEST_DENOMINATOR = 0.05
"""A post that its own likes explain nearly wholly would else get a vector without bounds."""


@dataclass(frozen=True)
class Maps:
    """Two vectors for each of N posts; history · candidate is the score.

    Attributes:
        source: (N, d) float32, of the post in a history; a person is the weighted sum of them.
        target: (N, d) float32, of the post as a candidate; its norm carries popularity.
    """

    source: np.ndarray
    target: np.ndarray


def closed_form(pairs: Spectrum, regularisation: float) -> Maps:
    """Ridge regression of each post on all others, cut to the largest eigenpairs.

    With all eigenpairs of X'X, source_i · target_j is the weight B_ij of EASE for i != j (Steck,
    arXiv 1905.03375, eq. 8): with f = e / (e + regularisation) and P the inverse of the
    regularised matrix, U diag(f) U' = I - regularisation P, and B_ij = -P_ij / P_jj.
    """
    shrunk = pairs.values / (pairs.values + regularisation)
    source = pairs.vectors * np.sqrt(shrunk)
    own = np.square(source).sum(axis=1, keepdims=True)
    return Maps(source, source / np.maximum(1 - own, SMALLEST_DENOMINATOR))
