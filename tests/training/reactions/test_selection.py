import numpy as np
import pytest

from training.reactions.config import RecencyConfig
from training.reactions.events import Events
from training.reactions.selection import FEWEST_PEOPLE, SEARCHED, affordable, select


def test_the_best_setting_is_chosen_and_every_trial_reported(events, features, config):
    odd = config.model_copy(update={"regularisation": 7.0, "content_weight": 0.5})
    found, tried = select(events, features, odd)
    strengths = {name: v for name, v in tried.items() if name.startswith("regularisation=")}
    assert "regularisation=7" in strengths  # its own value is among the tried
    assert f"regularisation={found.regularisation:g}" == max(strengths, key=strengths.__getitem__)
    assert odd.model_copy(update={name: getattr(found, name) for name in SEARCHED}) == found


def test_recency_is_taken_where_taste_turns(events, features, config):
    random = np.random.default_rng(0)
    own = np.argsort(random.random((len(events.users), 20)), axis=1)[:, :18]
    early, late = random.integers(4, size=(2, len(events.users), 1))
    corner = np.where(np.arange(18) < 12, early, late)  # a new corner for the last third
    turned = Events(
        users=events.users,
        posts=events.posts,
        kinds=("like",),
        person=np.repeat(np.arange(len(events.users)), 18),
        post=(4 * own + corner).reshape(-1),
        kind=np.zeros(own.size, dtype=np.int64),
        value=np.full(own.size, np.nan),
        day=np.tile(np.arange(18.0), len(events.users)),
    )
    flat = config.model_copy(update={"epochs": 0, "recency": RecencyConfig(share=0, reach=10)})
    found, tried = select(turned, features, flat)
    assert found.recency.share > 0
    assert tried["recency=0.95/5"] > 1.2 * tried["recency=0/10"]


def test_too_few_people_leave_the_configuration_alone(events, features, config):
    few = events[events.person < FEWEST_PEOPLE - 1]
    assert select(few, features, config) == (config, {})


@pytest.mark.parametrize(("price", "chosen"), [(0.0, 0), (0.03, 1), (0.5, 2)])
def test_cold_posts_are_served_as_well_as_the_price_allows(price, chosen):
    warm = [np.array([1.0, 0.0]), np.array([0.0, 0.98]), np.array([0.3, 0.3])]
    cold = [np.array([0.1]), np.array([0.2]), np.array([0.3])]
    assert affordable(warm, cold, price) == chosen


def test_without_cold_positives_the_best_is_chosen():
    nobody = np.empty(0)
    assert affordable([np.array([0.1]), np.array([0.2])], [nobody, nobody], 0.9) == 1
