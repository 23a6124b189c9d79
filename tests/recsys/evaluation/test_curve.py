import numpy as np
import pytest

from recsys.evaluation.curve import CurvePoint, best_within, diversity_curve
from recsys.evaluation.measure import Judge
from recsys.evaluation.slices import slices_of
from recsys.evaluation.split import last_of_each
from tests.recsys.evaluation.planted import CONFIG, POSTS, planted

NETWORK = planted()
SPLIT = last_of_each(NETWORK, CONFIG)
JUDGE = Judge(NETWORK, SPLIT, slices_of(SPLIT, 5), cutoff=10, depth=20)


def lists_at(strength: float) -> list[np.ndarray]:
    """What was wanted first and then its like; or, the stronger, the more at random."""
    found = []
    for person in SPLIT.people:
        wanted = SPLIT.test.post[SPLIT.test.person == person]
        corner = np.arange(wanted[0] % 4, POSTS, 4)
        alike = np.concatenate([wanted, np.setdiff1d(corner, wanted)])[:10]
        mixed = np.random.default_rng(person).permutation(POSTS)[:10]
        kept = round(10 * (1 - strength))
        rest = [row for row in mixed if row not in alike[:kept]]
        found.append(np.concatenate([alike[:kept], rest])[:10].astype(int))
    return found


def test_diversity_is_gained_and_accuracy_lost_against_the_first_point():
    points = diversity_curve(lists_at, JUDGE, (0.0, 0.5, 1.0))
    assert [point.strength for point in points] == [0.0, 0.5, 1.0]
    assert (points[0].gained, points[0].lost) == (0.0, 0.0)
    assert points[0].diversity < points[1].diversity < points[2].diversity
    assert points[2].gained == pytest.approx(points[2].diversity / points[0].diversity - 1)
    assert points[2].lost == pytest.approx(1 - points[2].ndcg / points[0].ndcg)
    assert points[2].lost > 0.3


def test_the_best_point_is_the_most_diverse_of_those_that_can_be_afforded():
    points = [
        CurvePoint(0.0, 0.5, 0.2, 0.0, 0.0),
        CurvePoint(0.5, 0.7, 0.195, 0.4, 0.025),
        CurvePoint(1.0, 0.9, 0.15, 0.8, 0.25),
    ]
    assert best_within(points, 0.03) is points[1]
    assert best_within(points, 0.01) is points[0]
