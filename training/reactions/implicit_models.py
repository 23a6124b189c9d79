"""ALS and BPR of the package `implicit`, which comes with the extra `bench`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from training.errors import BadConfig
from training.reactions.ranking import Scorer


def als(
    likes: sparse.csr_matrix, factors: int, regularisation: float, alpha: float, seed: int
) -> Scorer:
    """Weighted matrix factorisation (Hu, Koren and Volinsky, ICDM 2008).

    Raises: BadConfig if `implicit` isn't installed.
    """
    _require_implicit()
    from implicit.cpu.als import AlternatingLeastSquares

    return _fitted(
        AlternatingLeastSquares,
        likes,
        factors=factors,
        regularization=regularisation,
        alpha=alpha,
        iterations=15,
        random_state=seed,
    )


def bpr(
    likes: sparse.csr_matrix, factors: int, learning_rate: float, epochs: int, seed: int
) -> Scorer:
    """Bayesian personalised ranking (Rendle et al., arXiv 1205.2618).

    Raises: BadConfig if `implicit` isn't installed.
    """
    _require_implicit()
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    return _fitted(
        BayesianPersonalizedRanking,
        likes,
        factors=factors,
        learning_rate=learning_rate,
        regularization=0.01,
        iterations=epochs,
        random_state=seed,
    )


def _fitted(kind: Callable[..., Any], likes: sparse.csr_matrix, **settings: float) -> Scorer:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # else implicit warns, and its small products crawl
        model = kind(num_threads=1, **settings)  # more threads sum in another order each time
        model.fit(likes.tocsr(), show_progress=False)
    people, posts = np.asarray(model.user_factors), np.asarray(model.item_factors)
    return lambda chosen: people[chosen] @ posts.T


def _require_implicit() -> None:
    try:
        import implicit  # noqa: F401
    except ImportError:
        raise BadConfig(
            "ALS and BPR need the package implicit", hint="install commonspace[bench]"
        ) from None
