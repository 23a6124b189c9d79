"""The recommender's own exploration as the log, and the estimates that its propensities allow."""

from functools import cache

import numpy as np
import pytest

from recsys.config import DiversityConfig, ExplorationConfig
from recsys.experiments.estimate import estimate
from recsys.experiments.logs import PolicyPosts, ShownPosts
from recsys.exploration import explore
from tests.recsys.test_exploration import ranking
from tests.recsys.world import BEGINNING
from training.errors import BadData

PEOPLE, PLACES, OLD, NEW = 400, 5, 5, 3
WORTH = {f"old{n}": 0.5 - 0.05 * n for n in range(OLD)} | {f"new{n}": 0.3 * n for n in range(NEW)}


def places(salt: str, share: float):
    """(request, person, position, post, propensity) of everyone's list."""
    ranked, config = ranking(OLD, NEW), ExplorationConfig(share=share, salt=salt)
    for number in range(PEOPLE):
        person = f"person{number}"
        found = explore(ranked[:PLACES], ranked, config, DiversityConfig(), person, BEGINNING)
        for position, one in enumerate(found):
            yield f"of {person}", person, position, one.scored.post.post_id, one.propensity


@cache
def logged(share: float) -> ShownPosts:
    columns = [np.array(column) for column in zip(*places("", share), strict=True)]
    random = np.random.default_rng(0)
    reward = random.random(len(columns[0])) < [WORTH[post] for post in columns[3]]
    return ShownPosts(*columns, reward.astype(float))


def shadow(salt: str, share: float) -> PolicyPosts:
    request, _, position, post, _ = map(np.array, zip(*places(salt, share), strict=True))
    return PolicyPosts(request, position, post, np.ones(len(post)))


def worth(share: float) -> float:
    """Of a policy that explores so much, from many draws of its own."""
    lists = (places(f"again {number}", share) for number in range(3))
    return float(np.mean([WORTH[post] for rows in lists for *_, post, _ in rows]))


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_shadow_that_explores_more_or_less_is_valued_rightly(share):
    value = estimate(logged(0.45), shadow("shadow", share))
    assert value.support == pytest.approx(1, abs=0.2)
    for one in (value.ips, value.self_normalised, value.doubly_robust):
        assert one.low < worth(share) < one.high


def test_a_shadow_that_draws_as_what_was_shown_contradicts_its_propensities():
    with pytest.raises(BadData, match="contradict the log"):
        estimate(logged(0.45), shadow("", 0.45))


def test_a_log_without_exploration_can_not_value_a_policy_that_explores():
    with pytest.raises(BadData, match="lacks support"):
        estimate(logged(0), shadow("shadow", 0.6))
