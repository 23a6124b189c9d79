"""What a person is interested in: groups of like posts among those that speak for them.

One vector of somebody who likes both cats and engines lies between the two, where there may be
neither. PinnerSage (Pal et al., KDD 2020) recommends from several, found by clustering; so do we.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from recsys.config import InterestConfig
from recsys.events.records import Post

_TAGS = 2


@dataclass(frozen=True)
class Anchor:
    """An indexed post that speaks for a person.

    Attributes:
        post: their own, or one that they reacted to with approval.
        own: which of the two.
        weight: how much it counts.
        vector: (D,) float32.
    """

    post: Post
    own: bool
    weight: float
    vector: np.ndarray


@dataclass(frozen=True)
class Interest:
    """A group of like posts that speak for a person.

    Attributes:
        vector: (D,) float32 unit, their weighted mean.
        anchors: the posts, the most central one first.
        name: the tags that most of them share; empty without one.
    """

    vector: np.ndarray
    anchors: tuple[Anchor, ...]
    name: str

    @property
    def weight(self) -> float:
        """How much speaks for it."""
        return sum(anchor.weight for anchor in self.anchors)


def interests_of(anchors: Sequence[Anchor], config: InterestConfig) -> tuple[Interest, ...]:
    """The interests of a person, the weightiest first.

    Average linkage by cosine: two groups are one interest while their posts are alike on average.

    Args:
        anchors: what speaks for the person, latest first.
        config: how alike, how many.
    """
    anchors = [anchor for anchor in anchors[: config.anchors] if anchor.weight > 0]
    if not anchors:
        return ()
    rows = np.stack([anchor.vector for anchor in anchors])
    groups: dict[int, list[int]] = {}
    for row, group in enumerate(_groups(rows, config.likeness)):
        groups.setdefault(int(group), []).append(row)
    found = [_interest([anchors[row] for row in group], rows[group]) for group in groups.values()]
    # equal weights: the group with the latest post first, in which order `groups` has them
    return tuple(sorted(found, key=lambda one: -one.weight)[: config.most])


def _groups(rows: np.ndarray, likeness: float) -> np.ndarray:
    """(N,) the number of each row's group."""
    if len(rows) == 1:
        return np.zeros(1, dtype=np.int64)
    apart = np.maximum(1 - rows @ rows.T, 0).astype(np.float64)
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(apart, checks=False), method="average")
    return fcluster(tree, 1 - likeness, criterion="distance")


def _interest(anchors: Sequence[Anchor], rows: np.ndarray) -> Interest:
    weights = np.array([anchor.weight for anchor in anchors], dtype=np.float32)
    vector = weights @ rows
    length = float(np.linalg.norm(vector))
    vector = vector / length if length > 1e-6 else rows[0]
    central = np.argsort(-(rows @ vector), kind="stable")
    ordered = tuple(anchors[int(row)] for row in central)
    return Interest(vector.astype(np.float32), ordered, _name(anchors))


def _name(anchors: Sequence[Anchor]) -> str:
    tags = Counter(tag for anchor in anchors for tag in dict.fromkeys(anchor.post.tags))
    shared = [tag for tag, count in tags.most_common() if 2 * count > len(anchors)]
    return " and ".join(shared[:_TAGS])
