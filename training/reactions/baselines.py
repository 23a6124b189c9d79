"""What the model of reactions is compared with: random, popularity, item-kNN, content, EASE.

Each takes the training likes and gives a `Scorer`; those that need the optional package `implicit`
are in `implicit_models`.
"""

from collections.abc import Callable

import numpy as np
from scipy import linalg, sparse

from training.reactions.layout import unit
from training.reactions.ranking import Scorer

MOST_DENSE_POSTS = 20_000
"""EASE needs a dense matrix of people or of posts; beyond this it is left out of a comparison."""

Reader = Callable[[sparse.csr_matrix], Scorer]
"""Histories (U, N), weighted or not, to the scorer that reads them."""


def random_order(likes: sparse.csr_matrix, seed: int) -> Scorer:
    """Every ranking equally likely."""
    _, posts = likes.get_shape()

    def scorer(people: np.ndarray) -> np.ndarray:
        rows = [np.random.default_rng((seed, int(p))).random(posts, np.float32) for p in people]
        return np.stack(rows)

    return scorer


def popularity(likes: sparse.csr_matrix) -> Scorer:
    """The most liked first, the same for everyone."""
    count = likes.getnnz(axis=0).astype(np.float32)
    return lambda people: np.tile(count, (len(people), 1))


def item_knn(likes: sparse.csr_matrix, neighbours: int, shrink: float) -> Scorer:
    """Sum of the cosines of a post with the liked ones among its nearest neighbours.

    Source: Sarwar et al., Item-based collaborative filtering (WWW 2001); shrinkage as in Koren,
        Factorization meets the neighborhood (KDD 2008).
    """
    likes = likes.tocsr()
    together = sparse.coo_matrix(likes.T @ likes)
    norm = np.sqrt(np.asarray(likes.multiply(likes).sum(axis=0)).reshape(-1))
    cosine = together.data / (norm[together.row] * norm[together.col] + shrink)
    cosine[together.row == together.col] = 0
    similarity = sparse.csr_matrix((cosine, (together.row, together.col)), shape=together.shape)
    for start, end in zip(similarity.indptr[:-1], similarity.indptr[1:], strict=True):
        if end - start > neighbours:
            row = similarity.data[start:end]  # a view: what is too far is set to 0 in place
            row[np.argpartition(row, -neighbours)[:-neighbours]] = 0
    similarity.eliminate_zeros()
    onto = similarity.T.tocsr()
    return lambda people: (likes[people] @ onto).toarray()


def ease_weights(likes: sparse.csr_matrix, regularisation: float) -> np.ndarray:
    """(N, N) float32 weights from liked post i to candidate j, diagonal 0.

    Source: Steck, Embarrassingly shallow autoencoders (arXiv 1905.03375), eq. 8.
    """
    liked = np.flatnonzero(likes.getnnz(axis=0))
    gram = (likes[:, liked].T @ likes[:, liked]).toarray().astype(np.float64)
    gram[np.diag_indices(len(gram))] += regularisation
    inverse = linalg.inv(gram, overwrite_a=True, check_finite=False, assume_a="pos")
    own = inverse.diagonal().copy()
    inverse /= -own
    inverse[np.diag_indices(len(inverse))] = 0
    _, posts = likes.get_shape()
    weights = np.zeros((posts, posts), dtype=np.float32)
    weights[np.ix_(liked, liked)] = inverse
    return weights


def ease(likes: sparse.csr_matrix, regularisation: float) -> Reader:
    """EASE for any histories, by whichever of people and liked posts are fewer.

    With A = (XX' + regularisation I)^-1 X, the inverse of the posts' matrix is P = (I - X'A) /
    regularisation (push-through identity), so that histories H score H - (H - HX'A) / (1 - q), q
    the diagonal of X'A. The same as `ease_weights`, without a matrix of posts x posts.
    """
    people, posts = likes.get_shape()
    liked = np.flatnonzero(likes.getnnz(axis=0))
    if people > len(liked):
        weights = ease_weights(likes, regularisation)
        return lambda histories: lambda rows: np.asarray(histories[rows] @ weights)
    known = likes[:, liked]
    gram = (known @ known.T).toarray().astype(np.float64)
    gram[np.diag_indices(people)] += regularisation
    solved = linalg.solve(gram, known.toarray(), check_finite=False, assume_a="pos")
    rest = 1 - np.asarray(known.multiply(solved).sum(axis=0)).reshape(-1)
    solved, rest = solved.astype(np.float32), rest.astype(np.float32)

    def reader(histories: sparse.csr_matrix) -> Scorer:
        def scorer(rows: np.ndarray) -> np.ndarray:
            own = histories[rows][:, liked]
            dense = own.toarray()
            scores = np.zeros((len(rows), posts), dtype=np.float32)
            scores[:, liked] = dense - (dense - (own @ known.T).toarray() @ solved) / rest
            return scores

        return scorer

    return reader


def content_likeness(histories: sparse.csr_matrix, block: np.ndarray) -> Scorer:
    """Cosine of a post's content (N, C) with that of the person's history; reads no reactions."""
    return lambda people: unit(histories[people] @ block) @ block.T
