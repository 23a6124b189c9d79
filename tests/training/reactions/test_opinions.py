import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.reactions.config import ReactionConfig
from training.reactions.events import Reaction, events_of
from training.reactions.opinions import opinion, opinion_weights, opinions

CONFIG = ReactionConfig()
kinds = st.sampled_from(["view", "like", "rate", "comment", "hide", "report", "dislike", "unknown"])
values = st.none() | st.floats(-5, 5)
reactions = st.builds(Reaction, st.sampled_from("abc"), kinds, values, st.floats(0, 100))


@pytest.mark.parametrize(
    ("kind", "value", "sign"),
    [
        ("like", None, 1),
        ("rate", 4.0, 1),
        ("rate", 3.0, 0),
        ("rate", 2.0, -1),
        ("rate", None, 0),
        ("hide", None, -1),
        ("view", None, 0),
    ],
)
def test_a_reaction_speaks_for_against_or_not_at_all(kind, value, sign):
    assert np.sign(opinion(kind, value, CONFIG)) == sign


@given(kinds, values)
def test_weights_are_finite_and_bounded_by_the_configuration(kind, value):
    weight = opinion(kind, value, CONFIG)
    assert math.isfinite(weight)
    assert -CONFIG.negatives.get(kind, 0) <= weight <= CONFIG.history.kinds.get(kind, 0)


@given(st.floats(0, 5), st.floats(0, 5))
def test_a_better_rating_never_speaks_less_for_a_post(one, other):
    low, high = sorted((one, other))
    assert opinion("rate", low, CONFIG) <= opinion("rate", high, CONFIG)


@given(st.lists(st.lists(reactions, max_size=8), max_size=4))
def test_all_reactions_to_a_post_become_one_opinion(histories):
    events = events_of(histories, "abc")
    held = opinions(events, CONFIG)
    pairs = list(zip(held.person, held.post, strict=True))
    assert len(set(pairs)) == len(pairs)
    assert (held.weight != 0).all()
    weights = opinion_weights(events, CONFIG)
    for person, post, weight, day in zip(
        held.person, held.post, held.weight, held.day, strict=True
    ):
        own = (events.person == person) & (events.post == post) & (weights != 0)
        assert day == events.day[own].max()
        last = weights[own][events.day[own] == day]
        assert np.sign(weight) in np.sign(last)
        assert abs(weight) == np.abs(weights[own][np.sign(weights[own]) == np.sign(weight)]).max()
    assert (np.diff(held.day)[np.diff(held.person) == 0] >= 0).all()


def test_a_late_hide_outdoes_an_early_like_and_a_late_comment_takes_nothing_from_it():
    hidden = [Reaction("a", "like", age_days=9), Reaction("a", "hide", age_days=1)]
    commented = [Reaction("a", "like", age_days=9), Reaction("a", "comment", age_days=1)]
    held = opinions(events_of([hidden, commented], "ab"), CONFIG)
    assert held.weight.tolist() == [-0.5, 1.0]
    assert held.day.tolist() == [-1, -1]
