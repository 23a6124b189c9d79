"""What diversity costs: lists at several strengths, their variety and their accuracy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.evaluation.measure import DIVERSITY, Judge

STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MEASURE = "ndcg@10"

ListsAt = Callable[[float], Sequence[np.ndarray]]
"""Strength of diversity in [0, 1] to the lists of everyone."""


@dataclass(frozen=True)
class CurvePoint:
    """The lists at one strength.

    Attributes:
        strength: of diversity; 0 is none.
        diversity: mean intra-list diversity.
        ndcg: mean nDCG@10.
        gained: share by which diversity is above that at the first strength.
        lost: share of nDCG that is gone since the first strength; below 0 if it rose.
    """

    strength: float
    diversity: float
    ndcg: float
    gained: float
    lost: float


def diversity_curve(
    lists_at: ListsAt, judge: Judge, strengths: Sequence[float] = STRENGTHS
) -> list[CurvePoint]:
    """Measure the lists at each strength against those at the first.

    Args:
        lists_at: asks the recommender.
        judge: of the split.
        strengths: rising; the first is what the others are compared with, 0 in all but trials.
    """
    points: list[CurvePoint] = []
    for strength in strengths:
        lists = lists_at(strength)
        people, _ = judge.beyond(lists)
        values = people[DIVERSITY]
        there = values[~np.isnan(values)]
        diversity = float(there.mean()) if len(there) else float("nan")
        ndcg = float(judge.accuracy(lists)[MEASURE].mean())
        first = points[0] if points else CurvePoint(strength, diversity, ndcg, 0.0, 0.0)
        gained = diversity / first.diversity - 1 if first.diversity else 0.0
        lost = 1 - ndcg / first.ndcg if first.ndcg else 0.0
        points.append(CurvePoint(strength, diversity, ndcg, gained, lost))
    return points


def best_within(points: Sequence[CurvePoint], price: float) -> CurvePoint:
    """The point with most diversity among those that cost no more than a share of nDCG."""
    return max((each for each in points if each.lost <= price), key=lambda each: each.diversity)
