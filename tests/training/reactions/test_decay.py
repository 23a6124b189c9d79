import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.reactions.config import ReactionConfig, RecencyConfig
from training.reactions.decay import calendar_factor, history_weights, recency_factor
from training.reactions.events import Reaction, events_of
from training.reactions.opinions import opinions

RECENCY = RecencyConfig(share=0.7, reach=10)


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0.1, 100))
def test_a_reaction_counts_less_the_more_came_after_it(later, share, reach):
    now, then = recency_factor(
        np.array([later, later + 1]), RecencyConfig(share=share, reach=reach)
    )
    assert 1 >= now >= then >= 1 - share - 1e-9


@given(st.floats(0, 1e4), st.floats(0.5, 1e4))
def test_a_half_life_halves(age, half_life):
    one, two = calendar_factor(np.array([age, age + half_life]), half_life)
    assert np.isclose(two, one / 2, rtol=1e-6)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=12, unique=True))
@settings(deadline=None)
def test_older_likes_weigh_less_and_only_differences_of_age_count(ages):
    posts = [f"post{i}" for i in range(len(ages))]

    def weights(shift: float) -> np.ndarray:
        history = [Reaction(p, "like", None, a + shift) for p, a in zip(posts, ages, strict=True)]
        held = opinions(events_of([history], posts), ReactionConfig())
        return history_weights(held, RECENCY, half_life_days=90)

    assert (np.diff(weights(0)) > 0).all()  # ordered from the oldest
    np.testing.assert_allclose(weights(0), weights(365), rtol=1e-4)


@given(
    st.lists(st.tuples(st.sampled_from("ld"), st.floats(0, 300)), min_size=1, max_size=15),
    st.floats(0, 1),
    st.floats(1, 50),
    st.none() | st.floats(1, 500),
)
@settings(deadline=None)
def test_weights_are_those_of_a_plain_loop(history, share, reach, half_life):
    kinds = {"l": "like", "d": "dislike"}
    reactions = [Reaction(f"post{i:02}", kinds[k], None, a) for i, (k, a) in enumerate(history)]
    held = opinions(events_of([reactions], [each.post_id for each in reactions]), ReactionConfig())
    oldest_first = sorted(reactions, key=lambda each: (-each.age_days, each.post_id))
    expected = []
    for place, each in enumerate(oldest_first):
        likes_after = sum(other.kind == "like" for other in oldest_first[place + 1 :])
        weight = 1 - share
        if each.kind == "like":
            weight += share * np.exp(-likes_after / reach)
        if half_life is not None:
            weight *= 0.5 ** ((each.age_days - oldest_first[-1].age_days) / half_life)
        expected.append(weight if each.kind == "like" else -0.5 * weight)
    found = history_weights(held, RecencyConfig(share=share, reach=reach), half_life)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_dislike_counts_against_but_no_more_than_an_old_like():
    history = [Reaction("a", "like"), Reaction("b", "dislike")]
    held = opinions(events_of([history], "ab"), ReactionConfig())
    liked, disliked = history_weights(held, RECENCY, None)
    assert liked == 1
    assert np.isclose(disliked, -0.5 * 0.3)
