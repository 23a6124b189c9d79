"""Interests of a snapshot: groups of near posts, named by what sets their tags or words apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.drift.places import Places

MOST = 16
_POSTS_EACH = 30
"""Posts an interest has at least on average, or there are fewer interests."""
_NAMES = 2


@dataclass(frozen=True)
class Interests:
    """Groups of a reference's posts.

    Attributes:
        centres: (K, D) unit rows.
        names: of the groups, each once.
    """

    centres: np.ndarray
    names: Sequence[str]

    def of(self, posts: np.ndarray) -> np.ndarray:
        """(N,) the group of each post: the nearest centre's."""
        return (posts @ self.centres.T).argmax(axis=1)


def find_interests(places: Places, seed: int) -> Interests:
    """Cluster a reference's posts by k-means on the sphere, and name the clusters.

    Raises: ValueError without a post.
    """
    from sklearn.cluster import MiniBatchKMeans

    if not len(places):
        raise ValueError("interests need a post at least")
    count = int(np.clip(len(places) // _POSTS_EACH, 1, MOST))
    clusters = MiniBatchKMeans(count, random_state=seed, batch_size=1024)
    clusters.fit(places.posts)
    centres = clusters.cluster_centers_
    centres = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
    found = Interests(centres.astype(np.float32), [str(number) for number in range(count)])
    return Interests(found.centres, _names(places.labels, found.of(places.posts), count))


def _names(labels: np.ndarray, group: np.ndarray, count: int) -> list[str]:
    """The labels of each group by how much commoner they are there, weighed by how common."""
    overall = Counter(label for each in labels for label in each)
    names: list[str] = []
    for number in range(count):
        members = labels[group == number]
        own = Counter(label for each in members for label in each)
        usual = overall.total() / max(1, own.total())
        score = {
            label: times / len(members) * np.log(usual * times / overall[label])
            for label, times in own.items()
        }
        best = sorted(score, key=lambda label: (-score[label], label))[:_NAMES]
        name = " and ".join(best) or "unnamed"
        names.append(name if name not in names else f"{name} ({number})")
    return names
