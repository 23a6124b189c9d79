"""Whether the same communities are found again among other people."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from training.communities.method import NOBODY, Method

ABSENT = -2
"""The label of people who were not in a resample."""
_KEPT = 0.8
_MOST_PEOPLE = 3_000


@dataclass(frozen=True)
class Agreement:
    """What pairs of groupings have in common, on average.

    Attributes:
        rand: adjusted Rand index; 1 for equal groupings, 0 for chance.
        information: bits that one grouping tells of the other, beyond chance: it grows with the
            number of groups as long as they are found again.
    """

    rand: float
    information: float

    @property
    def score(self) -> float:
        """What a level is chosen by: information, discounted by how far the groupings agree.

        Agreement alone would always choose two groups. Information alone rewards groups that have
        only their cores in common, which even people without any structure show.
        """
        return self.rand * self.information


def resampled(
    points: np.ndarray,
    method: Method,
    levels: Sequence[float],
    *,
    rounds: int = 6,
    seed: int = 0,
) -> dict[float, list[np.ndarray]]:
    """Groupings of four fifths of the people, drawn anew each round, at each level.

    Args:
        points: (M, F) unit rows; of more than 3,000 people only so many are looked at.
        method: that groups.
        levels: of detail.
        rounds: how many resamples.
        seed: of draws and method.
    Returns: level to `rounds` times (M,) labels, ABSENT where somebody was not drawn.
    """
    random = np.random.default_rng(seed)
    found: dict[float, list[np.ndarray]] = {level: [] for level in levels}
    pool = np.arange(len(points))
    if len(pool) > _MOST_PEOPLE:
        pool = random.choice(pool, _MOST_PEOPLE, replace=False)
    for number in range(rounds):
        drawn = np.sort(random.choice(pool, max(2, round(_KEPT * len(pool))), replace=False))
        prepared = method.prepare(points[drawn])
        for level in levels:
            labels = np.full(len(points), ABSENT)
            labels[drawn] = method.group(prepared, level, seed + number)
            found[level].append(labels)
    return found


def agreement(groupings: Sequence[np.ndarray]) -> Agreement:
    """Mean over all pairs of groupings, on the people that both hold; NOBODY counts as a group."""
    from sklearn.metrics import adjusted_rand_score, mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

    rand, bits = [], []
    for first, second in combinations(groupings, 2):
        both = (first != ABSENT) & (second != ABSENT)
        if both.sum() < 2:
            continue
        ours, theirs = first[both], second[both]
        chance = expected_mutual_information(
            contingency_matrix(ours, theirs, sparse=True), int(both.sum())
        )
        rand.append(adjusted_rand_score(ours, theirs))
        bits.append((mutual_info_score(ours, theirs) - chance) / np.log(2))
    if not rand:
        return Agreement(0.0, 0.0)
    return Agreement(float(np.mean(rand)), max(0.0, float(np.mean(bits))))


def recovery(labels: np.ndarray, groupings: Sequence[np.ndarray]) -> np.ndarray:
    """(C,) in [0, 1]: how much of each community the resamples find again.

    The Jaccard similarity of the community to its nearest group in a resample, on the people of the
    resample, averaged over resamples. Above .75 a community is stable, below .5 it dissolves.

    Args:
        labels: (M,) of the communities.
        groupings: (M,) each, ABSENT where somebody was not drawn.
    Source: Hennig, Cluster-wise assessment of cluster stability (2007).
    """
    communities = int(labels.max(initial=NOBODY)) + 1
    found = np.zeros((len(groupings), communities))
    for number, grouping in enumerate(groupings):
        drawn = grouping != ABSENT
        for community in range(communities):
            here = drawn & (labels == community)
            groups, shared = np.unique(grouping[here & (grouping != NOBODY)], return_counts=True)
            sizes = np.array([(grouping == group).sum() for group in groups])
            jaccard = shared / np.maximum(here.sum() + sizes - shared, 1)
            found[number, community] = jaccard.max(initial=0.0)
    return found.mean(axis=0) if len(groupings) else np.zeros(communities)
