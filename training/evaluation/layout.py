"""Flat layouts of a space: posts by UMAP, people among the posts that are nearest to them."""

import warnings

import numpy as np

_ROWS_AT_ONCE = 2048


def flat_layout(
    embeddings: np.ndarray,
    *,
    neighbours: int = 15,
    epochs: int = 200,
    evenness: float = 0.7,
    seed: int = 0,
) -> np.ndarray:
    """Lay n points out in the plane so that neighbours in the space stay neighbours.

    The same seed gives the same picture. Neighbours are found exactly: up to some ten thousand
    points that takes less time than UMAP's index takes to compile.

    Args:
        embeddings: (n, D) unit rows.
        neighbours: a higher number shows more of the whole, a lower one more of the detail.
        epochs: rounds of the optimiser.
        evenness: 0 for UMAP's own distances, up to 1 for points spread evenly over the paper.
        seed: of the optimiser.
    Returns: (n, 2) float32 in [0, 1].
    Source: McInnes, Healy and Melville, UMAP (arXiv 1802.03426).
    """
    if len(embeddings) <= 3:  # too few for a graph of neighbours
        return _spread_out(np.arange(2.0 * len(embeddings)).reshape(-1, 2), evenness)
    neighbours = min(neighbours, len(embeddings) - 1)
    rows, similarity = nearest(embeddings, embeddings, neighbours)
    apart = np.clip(1 - similarity, 0, 2).astype(np.float32)
    flat = _umap(embeddings, (rows, apart), epochs, seed)
    return _spread_out(flat, evenness)


def _umap(
    embeddings: np.ndarray, neighbours: tuple[np.ndarray, np.ndarray], epochs: int, seed: int
) -> np.ndarray:
    # The spectral start is the better one, but fails on small graphs.
    start = "spectral" if len(embeddings) > 500 else _principal_start(embeddings, seed)
    with warnings.catch_warnings():
        for harmless in ("Tensorflow not installed", "precomputed_knn", "Spectral init"):
            warnings.filterwarnings("ignore", message=harmless)
        from umap import UMAP

        mapper = UMAP(
            n_neighbors=neighbours[0].shape[1],
            min_dist=0.4,
            metric="cosine",
            init=start,  # pyright: ignore[reportArgumentType]  # takes arrays too
            n_epochs=epochs,
            random_state=seed,
            n_jobs=1,  # what a fixed seed forces anyway, said so that UMAP doesn't warn
            precomputed_knn=neighbours,
        )
        return np.asarray(mapper.fit_transform(embeddings), dtype=np.float32)


def _principal_start(embeddings: np.ndarray, seed: int) -> np.ndarray:
    """(n, 2) two principal components, a little shaken so that equal points come apart."""
    centred = embeddings - embeddings.mean(axis=0)
    start = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    start *= 10 / max(float(np.abs(start).max()), 1e-9)
    return (start + np.random.default_rng(seed).normal(0, 0.01, start.shape)).astype(np.float32)


def place_among(
    points: np.ndarray, embeddings: np.ndarray, flat: np.ndarray, *, neighbours: int = 15
) -> np.ndarray:
    """Where further points (people) belong in a layout: at the middle of their nearest neighbours.

    People are not laid out with the posts, because every modality keeps a region of its own in a
    contrastive space: people would form an island, and the picture would say nothing about whose
    posts are where. The middle is the neighbour that is nearest to the others, so that a person
    with two interests stands in one of them and not in the void between.

    Args:
        points: (m, D) unit rows.
        embeddings: (n, D) unit rows that were laid out.
        flat: (n, 2) their layout.
        neighbours: how many of them to look at.
    Returns: (m, 2).
    """
    rows, _ = nearest(points, embeddings, min(neighbours, len(embeddings)))
    spots = flat[rows]  # (m, k, 2)
    apart = np.linalg.norm(spots[:, :, None] - spots[:, None], axis=-1).sum(axis=-1)
    return spots[np.arange(len(points)), apart.argmin(axis=1)]


def nearest(queries: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(q, k) rows of the k most similar candidates, best first, and (q, k) their cosines."""
    rows, similarity = [], []
    for start in range(0, max(1, len(queries)), _ROWS_AT_ONCE):
        scores = queries[start : start + _ROWS_AT_ONCE] @ candidates.T
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(scores, top, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        rows.append(np.take_along_axis(top, order, axis=1))
        similarity.append(np.take_along_axis(found, order, axis=1))
    return np.concatenate(rows), np.concatenate(similarity)


def _spread_out(flat: np.ndarray, evenness: float) -> np.ndarray:
    """Stretch each axis between its own coordinates and evenly spaced ranks, and fit it to [0, 1].

    Left and right, above and below stay as they are. UMAP puts far islands around a crowded middle
    and the distance between islands means nothing, so it is paper that the middle can use better.
    """
    if len(flat) < 2:
        return np.full((len(flat), 2), 0.5, dtype=np.float32)
    reach = np.maximum(np.ptp(flat, axis=0), 1e-9)
    ranks = flat.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") / (len(flat) - 1)
    mixed = (1 - evenness) * (flat - flat.min(axis=0)) / reach + evenness * ranks
    return mixed.astype(np.float32)
