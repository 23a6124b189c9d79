"""What communities are worth, against categories that they never saw, beside unimodal ones."""

from collections import Counter

import numpy as np

from training.communities.communities import labels_of_all
from training.communities.find import LEAST_PEOPLE, group
from training.communities.method import NOBODY
from training.communities.naming import naming_words
from training.communities.npmi import topic_coherence
from training.communities.points import Points, in_space, of_features
from training.interests.landscape import Landscape
from training.materials import Materials

Figures = dict[str, dict[str, float]]
"""Model to metric to value."""

_COHERENT = 5
"""Words whose coherence is measured; posts are short, and more would hardly meet in one."""


def community_metrics(
    landscape: Landscape, materials: Materials, *, method: str = "louvain", seed: int = 0
) -> Figures:
    """Communities of the joint space beside those of unimodal features, found in the same way.

    Each model's level of detail is chosen by what its own resamples agree on; labels have no part
    in it. A model's figures are over the same people, those who have a category and a place in the
    joint space; people whom a model leaves out are a group of their own.

    Args:
        landscape: see `survey`.
        materials: of the same data.
        method: of grouping, for all models.
        seed: of the same.
    Returns: for `joint`, `unimodal_image` and `unimodal_text` (where at least eight people have
        such a point): `communities`; `nmi`, `ami` (corrected for chance, and so for the number of
        communities) and `purity` against each person's dominant category, left out where the data
        has none; `npmi`, the coherence of the five first naming words over the posts, left out
        where no community has two; `rand`, the agreement of resamples; `seeds`, that of runs with
        other seeds; `grouped`, the share of people in a community.
    """
    models = {
        "joint": in_space(landscape),
        "unimodal_image": of_features(landscape, materials, "image"),
        "unimodal_text": of_features(landscape, materials, "text"),
    }
    category = dominant_categories(materials)
    return {
        name: _figures(landscape, category, points, method, seed)
        for name, points in models.items()
        if len(points) >= LEAST_PEOPLE
    }


def dominant_categories(materials: Materials) -> np.ndarray:
    """(U,) int, the category of most of each person's posts, of any split; -1 for none.

    Of equally frequent ones the first by name.
    """
    category = materials.data.posts(["category"])["category"].to_pylist()
    number = {name: i for i, name in enumerate(sorted({c for c in category if c is not None}))}
    counts: dict[int, Counter[int]] = {}
    for author, name in zip(materials.examples.keys.author.tolist(), category, strict=True):
        if name is not None:
            counts.setdefault(author, Counter())[number[name]] += 1
    found = np.full(len(materials.examples.users), -1)
    for author, each in counts.items():
        found[author] = min(each, key=lambda name: (-each[name], name))
    return found


def purity(truth: np.ndarray, labels: np.ndarray) -> float:
    """Share of people whose category is the commonest of their group. Grows with finer groups."""
    groups = np.unique(labels, return_inverse=True)[1]
    table = np.zeros((groups.max() + 1, int(truth.max()) + 1), dtype=int)
    np.add.at(table, (groups, truth), 1)
    return float(table.max(axis=1).sum() / len(truth))


def _figures(
    landscape: Landscape, category: np.ndarray, points: Points, method: str, seed: int
) -> dict[str, float]:
    from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

    grouping = group(points.vectors, method, seed=seed)
    labels = labels_of_all(grouping, points, len(landscape.people))
    words = naming_words(landscape.vocabulary, landscape.author, labels, _COHERENT)
    figures = {
        "communities": float(grouping.count),
        "grouped": float((labels[landscape.present] != NOBODY).mean()),
        "rand": grouping.resamples.rand,
        "seeds": grouping.seeds,
    }
    coherent = topic_coherence(
        [[word.row for word in each] for each in words], landscape.vocabulary.holds
    )
    if np.isfinite(coherent):
        figures["npmi"] = coherent
    judged = (category >= 0) & landscape.present
    if judged.any():
        truth, found = category[judged], labels[judged]
        figures["nmi"] = float(normalized_mutual_info_score(truth, found))
        figures["ami"] = float(adjusted_mutual_info_score(truth, found))
        figures["purity"] = purity(truth, found)
    return figures
