"""Whether a word is about something: how near to each other different people use it."""

import numpy as np
from scipy import sparse

_PAIRS_AT_ONCE = 1 << 15


def coherence(holds: sparse.csr_matrix, author: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Mean cosine between the uses of a word by different people, about the mean of all posts.

    Words of grammar are used all over the space and come out at 0 in any language; a subject's
    words are used near each other. Each person counts once a word, at the mean of their posts with
    it: one who puts the same words under a hundred pictures must not make a subject of them.

    Args:
        holds: (N, V) 1 where a post has a term.
        author: (N,) int, of the posts.
        vectors: (N, D) unit rows, of the posts.
    Returns: (V,) float64; NaN where fewer than two people use the term.
    """
    centred = _centred(vectors, author)
    posts = holds.tocsc()
    terms = holds.get_shape()[1]
    term = np.repeat(np.arange(terms), np.diff(posts.indptr))
    pair, owner = np.unique(
        term.astype(np.int64) * (author.max(initial=0) + 1) + author[posts.indices],
        return_inverse=True,
    )
    uses = sparse.csr_matrix(
        (np.ones(len(owner), np.float32), (owner, posts.indices)), (len(pair), len(author))
    )
    uses = sparse.diags(1 / np.maximum(np.diff(uses.indptr), 1)).astype(np.float32) @ uses
    of_term = pair // (author.max(initial=0) + 1)
    sums = np.zeros((terms, vectors.shape[1]))
    squares = np.zeros(terms)
    for start in range(0, len(pair), _PAIRS_AT_ONCE):
        chunk = slice(start, start + _PAIRS_AT_ONCE)
        means = uses[chunk] @ centred
        within = np.arange(len(means)), of_term[chunk]
        sums += sparse.csr_matrix((np.ones(len(means)), within), (len(means), len(sums))).T @ means
        squares += np.bincount(of_term[chunk], (means**2).sum(axis=1), len(squares))
    people = np.bincount(of_term, minlength=terms)
    pairs = (people * (people - 1)).astype(float)
    total = (sums**2).sum(axis=1) - squares
    return np.divide(total, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def chance_deviation(author: np.ndarray, vectors: np.ndarray, *, pairs: int = 20_000) -> float:
    """Standard deviation of the cosine of two posts of different people, drawn at random.

    Divided by the root of the number of pairs of people it is about the standard error of
    `coherence` for a word that means nothing. Args: as `coherence`.
    """
    random = np.random.default_rng(0)
    # a person at random and then a post of theirs, as `coherence` weighs them
    count = np.bincount(author)
    chance = 1 / count[author]
    drawn = random.choice(len(author), (2, pairs), p=chance / chance.sum())
    first, second = drawn[:, author[drawn[0]] != author[drawn[1]]]
    if not len(first):
        return 0.0
    centred = _centred(vectors, author)
    return float(np.einsum("nd,nd->n", centred[first], centred[second]).std())


def _centred(vectors: np.ndarray, author: np.ndarray) -> np.ndarray:
    """Unit rows about the mean over people, so that a diligent author is no centre."""
    count = np.bincount(author)
    weight = 1 / count[author]
    moved = vectors - (weight @ vectors) / weight.sum()
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
