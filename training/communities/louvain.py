"""Communities of the neighbour graph, by modularity."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from training.communities.graph import neighbour_graph
from training.communities.method import Method, methods, renumbered

_RESTARTS = 10


@methods.register("louvain")
class Louvain(Method):
    """Louvain's method: the best of some restarts, its communities made connected.

    Leiden's refinement is for communities that fall apart inside, which Louvain may leave; here
    those are split at the end, which gives the same guarantee. The Louvain of scikit-network is
    used: 100,000 people take seconds and the same seed gives the same communities. (Its Leiden
    ignores the seed; leidenalg and igraph are under the GPL; networkx takes 150 times as long.)

    Source: Blondel et al., arXiv 0803.0476; the guarantee: Traag et al., arXiv 1810.08473.
    """

    levels = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)

    def prepare(self, points: np.ndarray) -> sparse.csr_matrix:
        """The graph of nearest neighbours."""
        return neighbour_graph(points)

    def group(self, prepared: sparse.csr_matrix, level: float, seed: int) -> np.ndarray:
        """Labels at a resolution: a higher one makes more and smaller communities."""
        from sknetwork.clustering import Louvain as Search
        from sknetwork.clustering import get_modularity

        found = []
        for restart in range(_RESTARTS):
            search = Search(
                resolution=level, shuffle_nodes=True, random_state=seed * _RESTARTS + restart
            )
            labels = search.fit_predict(prepared)
            found.append((get_modularity(prepared, labels, resolution=level), restart, labels))
        return renumbered(_connected(prepared, max(found, key=lambda each: each[:2])[2]))


def _connected(graph: sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
    """Labels whose groups are connected: ties between groups are cut, and what is left counted."""
    ties = graph.tocoo()
    within = labels[ties.row] == labels[ties.col]
    inner = sparse.csr_matrix(
        (ties.data[within], (ties.row[within], ties.col[within])), graph.shape
    )
    return connected_components(inner, directed=False)[1]
