"""A world where the truth is known: people of two tastes, a log that prefers what they like."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.experiments.estimate import estimate
from recsys.experiments.logs import PolicyPosts, ShownPosts
from recsys.experiments.reward_model import RewardModel
from training.errors import BadData

POSTS, PLACES = 6, 3
EXAMINED = np.array([1.0, 0.6, 0.4])


@dataclass(frozen=True)
class Log:
    shown: ShownPosts
    taste: np.ndarray


def liking(taste: int) -> np.ndarray:
    """(POSTS, PLACES) chance of a like: each taste likes the posts in another order."""
    appeal = np.linspace(0.7, 0.1, POSTS)
    return np.outer(appeal if taste == 0 else appeal[::-1], EXAMINED)


def showing(taste: int) -> np.ndarray:
    """(POSTS,) the log's probabilities at every place: mostly what this taste likes."""
    favour = np.linspace(5, 1, POSTS)
    favour = favour if taste == 0 else favour[::-1]
    return favour / favour.sum()


def wanted() -> np.ndarray:
    """(POSTS,) of the policy in question: the same for both tastes."""
    return np.array([0.0, 0.0, 0.1, 0.2, 0.3, 0.4])


def truth(taste: np.ndarray) -> float:
    """Mean reward per place of the policy, for people of these tastes."""
    values = [(wanted() @ liking(kind)).mean() for kind in (0, 1)]
    return float(np.mean(np.array(values)[taste]))


def logged(people: int, seed: int, showing=showing) -> Log:
    random = np.random.default_rng(seed)
    taste = (random.random(people) < 0.25).astype(int)
    rows = []
    for person, kind in enumerate(taste):
        chances, likes = showing(kind), liking(kind)
        for place, post in enumerate(random.choice(POSTS, PLACES, p=chances)):
            reward = float(random.random() < likes[post, place])
            rows.append((f"r{person}", f"p{person}", place, f"post{post}", chances[post], reward))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Log(ShownPosts(*columns), taste)


def policy_of(shown: ShownPosts, chances: np.ndarray) -> PolicyPosts:
    """The same probabilities at every place of the log."""
    some = np.flatnonzero(chances)
    request = np.repeat(shown.request, len(some))
    position = np.repeat(shown.position, len(some))
    post = np.tile([f"post{post}" for post in some], len(shown))
    return PolicyPosts(request, position, post, np.tile(chances[some], len(shown)))


def test_estimates_hold_the_truth_over_seeds_where_the_naive_mean_does_not():
    seeds, held = range(40), dict.fromkeys(("ips", "self_normalised", "doubly_robust"), 0)
    errors: dict[str, list[float]] = {name: [] for name in [*held, "naive", "clipped"]}
    for seed in seeds:
        log = logged(400, seed)
        value = estimate(log.shown, policy_of(log.shown, wanted()))
        right = truth(log.taste)
        for name in held:
            interval = getattr(value, name)
            held[name] += interval.low <= right <= interval.high
        for name in errors:
            errors[name].append(getattr(value, name).value - right)
        assert not value.naive.low <= right  # it takes the likes of the wrong people for everyone's
    for name, times in held.items():
        assert times / len(seeds) >= 0.85, name
        mean, spread = np.mean(errors[name]), np.std(errors[name]) / len(seeds) ** 0.5
        assert abs(mean) < 3 * spread, name  # no bias beyond chance
    assert np.mean(errors["naive"]) > 0.05
    assert np.std(errors["doubly_robust"]) < np.std(errors["ips"])
    assert np.std(errors["self_normalised"]) < np.std(errors["ips"])


def test_the_policy_that_answered_is_worth_what_was_seen():
    def same(taste: int) -> np.ndarray:
        return np.full(POSTS, 1 / POSTS)

    log = logged(200, 0, same)
    value = estimate(log.shown, policy_of(log.shown, same(0)))
    assert value.ips == value.logged
    assert value.self_normalised.value == pytest.approx(value.logged.value)
    assert value.support == pytest.approx(1)
    assert value.effective == pytest.approx(len(log.shown))


def test_one_draw_of_a_random_policy_is_as_right_as_its_probabilities():
    """As the shadow of a variant is logged: one list a request, drawn beside what was shown."""
    random, found, right = np.random.default_rng(1), [], []
    for seed in range(15):
        log = logged(600, seed)
        drawn = random.choice(POSTS, len(log.shown), p=wanted())
        post = np.array([f"post{post}" for post in drawn])
        ones = np.ones(len(post))
        draw = PolicyPosts(log.shown.request, log.shown.position, post, ones)
        found.append(estimate(log.shown, draw).self_normalised.value)
        right.append(truth(log.taste))
    errors = np.array(found) - right
    assert abs(errors.mean()) < 3 * errors.std() / len(errors) ** 0.5


def test_a_log_that_never_shows_what_the_policy_would_show_is_refused():
    def first_half(taste: int) -> np.ndarray:
        return np.array([1, 1, 1, 0, 0, 0]) / 3

    log = logged(300, 0, first_half)
    with pytest.raises(BadData, match=r"lacks support.*about 10%"):
        estimate(log.shown, policy_of(log.shown, wanted()))
    with pytest.raises(BadData, match="lacks support"):
        estimate(log.shown, policy_of(log.shown, np.eye(POSTS)[5]))


def test_a_log_without_chance_is_refused_for_any_other_policy():
    log = logged(300, 0)
    certain = ShownPosts(**vars(log.shown) | {"propensity": np.ones(len(log.shown))})
    with pytest.raises(BadData, match="lacks support"):
        estimate(certain, policy_of(log.shown, wanted()))


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.5, np.nan])
def test_an_impossible_propensity_is_refused_with_its_place(bad):
    shown = logged(50, 0).shown
    shown.propensity[7] = bad
    with pytest.raises(BadData, match=r"1 of 150 exposures.*'r2', position 1"):
        estimate(shown, policy_of(shown, wanted()))


def test_propensities_that_are_too_small_contradict_the_log():
    shown = logged(300, 0).shown
    shown.propensity[:] /= 3
    with pytest.raises(BadData, match="contradict the log: weights have mean"):
        estimate(shown, policy_of(shown, wanted()))


def test_too_little_that_counts_is_refused():
    shown = logged(6, 0).shown
    with pytest.raises(BadData, match=r"worth .* under the policy's weights, and 50 is the least"):
        estimate(shown, policy_of(shown, np.full(POSTS, 1 / POSTS)))


def test_a_policy_without_a_place_of_the_log_is_refused():
    shown = logged(50, 0).shown
    policy = policy_of(shown, wanted())
    elsewhere = PolicyPosts(**vars(policy) | {"position": policy.position + PLACES})
    with pytest.raises(BadData, match="says nothing about any place"):
        estimate(shown, elsewhere)


@pytest.mark.parametrize(
    ("probability", "words"), [([0.5, 0.2], "sum to 0.7000"), ([1.5, -0.5], "from 0 to 1")]
)
def test_a_policy_that_is_no_distribution_is_refused(probability, words):
    shown = logged(50, 0).shown
    two = PolicyPosts(
        np.array(["r0", "r0"]), np.array([0, 0]), np.array(["a", "b"]), np.array(probability)
    )
    with pytest.raises(BadData, match=words):
        estimate(shown, two)


def test_a_place_that_is_logged_twice_is_refused():
    shown = logged(20, 0).shown
    twice = shown.only(np.r_[np.arange(60), 3])
    with pytest.raises(BadData, match="two posts at the same place"):
        estimate(twice, policy_of(shown, wanted()))


def test_places_that_only_one_of_them_knows_are_left_out():
    shown = logged(200, 0).shown
    uniform = np.full(POSTS, 1 / POSTS)
    whole = estimate(shown, policy_of(shown, uniform))
    part = estimate(shown, policy_of(shown.only(np.arange(300)), uniform))
    assert (whole.posts, part.posts) == (600, 300)
    assert part == estimate(shown.only(np.arange(300)), policy_of(shown, uniform))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 4), st.floats(-5, 5)), min_size=1, max_size=40
    )
)
def test_the_model_stays_within_what_it_has_seen(rows):
    position, post, reward = (np.array(column) for column in zip(*rows, strict=True))
    names = np.array([f"post{number}" for number in post])
    model = RewardModel.fit(position, names, reward, prior=0)
    guess = model.predict(position.tolist(), names.tolist())
    # positions' means and posts' surprises are both within the range of rewards
    width = reward.max() - reward.min()
    assert (guess <= reward.max() + width + 1e-9).all()
    assert (guess >= reward.min() - width - 1e-9).all()
    # an unknown post is worth its place's mean, an unknown place the mean of all
    assert model.predict([9], ["new"])[0] == pytest.approx(reward.mean())
