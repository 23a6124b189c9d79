"""What is liked together, as eigenpairs of a posts x posts matrix that is never formed.

The matrix is (1 - proximity) X'X + proximity K: X holds the likes of people (U, N), K pairs of one
person's likes weighted by exp(-places apart / reach), so that what was liked in one sitting counts
more than what the same person liked years apart.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.reactions.opinions import Opinions

MOST_PAIRS = 50_000_000
"""Of likes for K; with more, the window of places is narrowed."""
WINDOW = 4
"""Places apart, in units of the reach, beyond which a pair weighs nothing (e^-4 is 0.02)."""
OVERSAMPLING = 32
POWER_ITERATIONS = 4


@dataclass(frozen=True)
class Spectrum:
    """The largest eigenpairs.

    Attributes:
        values: (d,) float32 >= 0, falling.
        vectors: (N, d) float32; zero rows for posts that nobody likes.
    """

    values: np.ndarray
    vectors: np.ndarray


def spectrum(
    likes: Opinions, dimension: int, proximity: float, reach: float, seed: int
) -> Spectrum:
    """The `dimension` largest eigenpairs, fewer where fewer posts are liked.

    Exact where that is no more work; else randomised subspace iteration (Halko, Martinsson and
    Tropp, arXiv 0909.4061, algorithms 4.4 and 5.3).

    Args:
        likes: positive opinions.
        dimension: d.
        proximity: share of K, in [0, 1].
        reach: of K, in places of a person's sequence.
        seed: of the random start.
    """
    liked = np.flatnonzero(likes.count())
    apply = _operator(likes, liked, proximity, reach)
    width = dimension + OVERSAMPLING
    if len(liked) <= 2 * width:
        values, vectors = np.linalg.eigh(apply(np.eye(len(liked), dtype=np.float32)))
    else:
        basis = np.random.default_rng(seed).standard_normal((len(liked), width), np.float32)
        for _ in range(POWER_ITERATIONS):
            basis = np.linalg.qr(apply(basis))[0]
        small = basis.T @ apply(basis)
        values, rotation = np.linalg.eigh((small + small.T) / 2)
        vectors = basis @ rotation
    kept = slice(None, -min(dimension, len(liked)) - 1, -1)
    spread = np.zeros((likes.posts, min(dimension, len(liked))), dtype=np.float32)
    spread[liked] = vectors[:, kept]
    return Spectrum(np.maximum(values[kept], 0).astype(np.float32), spread)


def _operator(
    likes: Opinions, liked: np.ndarray, proximity: float, reach: float
) -> Callable[[np.ndarray], np.ndarray]:
    matrix = likes.matrix()[:, liked].tocsr()
    across = matrix.T.tocsr()
    if not proximity:
        return lambda block: across @ (matrix @ block)
    near = _near_pairs(likes, reach)[liked][:, liked].tocsr()

    def apply(block: np.ndarray) -> np.ndarray:
        return (1 - proximity) * (across @ (matrix @ block)) + proximity * (near @ block)

    return apply


def _near_pairs(likes: Opinions, reach: float) -> sparse.csr_matrix:
    """(N, N) symmetric: K, its diagonal the squared weights of each post's likes."""
    shape = (likes.posts, likes.posts)
    own = np.bincount(likes.post, likes.weight.astype(np.float64) ** 2, minlength=likes.posts)
    total = sparse.csr_matrix(sparse.diags(own.astype(np.float32)))
    longest = np.diff(likes.start()).max(initial=0)
    widest = min(int(WINDOW * reach), longest, max(1, MOST_PAIRS // max(1, len(likes))))
    for places in range(1, widest):
        first = np.flatnonzero(likes.person[places:] == likes.person[:-places])
        then = first + places
        weight = likes.weight[first] * likes.weight[then] * np.float32(np.exp(-places / reach))
        pairs = sparse.csr_matrix((weight, (likes.post[first], likes.post[then])), shape=shape)
        total = total + pairs + pairs.T
    return sparse.csr_matrix(total)
