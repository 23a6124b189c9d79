"""Communities where people stand dense, the rest in none."""

import numpy as np

from training.communities.method import Method, methods, renumbered
from training.interests.neighbourhood import nearest

_MOST = 5_000


@methods.register("hdbscan")
class Density(Method):
    """HDBSCAN on the points as they are; principal components only blurred the crowds.

    It leaves people out who stand in no crowd, often half of them. Of more than 5,000 people it
    sees a sample, and the others join the community of their nearest sampled neighbour.

    Source: Campello, Moulavi and Sander (2013); scikit-learn's implementation.
    """

    levels = (30.0, 20.0, 12.0, 8.0, 6.0, 4.0)

    def prepare(self, points: np.ndarray) -> np.ndarray:
        """(M, F) float64."""
        return points.astype(np.float64)

    def group(self, prepared: np.ndarray, level: float, seed: int) -> np.ndarray:
        """Labels with `level` as the least size of a community. The seed draws the sample only."""
        from sklearn.cluster import HDBSCAN

        count = len(prepared)
        some = np.arange(count)
        if count > _MOST:
            some = np.random.default_rng(seed).choice(count, _MOST, replace=False)
        least = int(max(2, min(level, len(some) // 3)))
        found = HDBSCAN(min_cluster_size=least, min_samples=1, copy=True)  # pyright: ignore[reportArgumentType]  # its default is a word
        labels = found.fit_predict(prepared[some])
        if count > _MOST:
            near, _ = nearest(prepared, prepared[some], 1)  # itself, for those of the sample
            labels = labels[near[:, 0]]
        return renumbered(labels)
