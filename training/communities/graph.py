"""Who is near whom: the graph of nearest neighbours, at the scale of each neighbourhood."""

import numpy as np
from scipy import sparse

from training.interests.neighbourhood import nearest

NEIGHBOURS = 25


def neighbour_graph(points: np.ndarray, neighbours: int = NEIGHBOURS) -> sparse.csr_matrix:
    """Symmetric weights in (0, 1] between each point and its nearest ones.

    Distances are measured beyond the nearest neighbour and in units of the mean neighbour's, so
    that crowded and lonely people are tied alike; of the two weights of a pair the probabilistic
    sum is taken.

    Args:
        points: (M, F) unit rows.
        neighbours: of each; at most a sixth of the points, but three.
    Returns: (M, M).
    Source: the fuzzy graph of UMAP (arXiv 1802.03426, section 3.1), with the mean for its search.
    """
    count = min(neighbours, max(3, len(points) // 6), len(points) - 1)
    rows, scores = nearest(points, points, count, without=np.arange(len(points)))
    apart = np.maximum(1 - scores, 0)
    beyond = apart - apart[:, :1]
    weights = np.exp(-beyond / np.maximum(beyond.mean(axis=1, keepdims=True), 1e-6))
    starts = np.arange(0, rows.size + 1, count)
    one_way = sparse.csr_matrix(
        (weights.ravel().astype(np.float64), rows.ravel(), starts), (len(points), len(points))
    )
    back = one_way.T.tocsr()
    return sparse.csr_matrix(one_way + back - one_way.multiply(back))
