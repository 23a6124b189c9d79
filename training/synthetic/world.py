"""Who is interested in what, and in which words: the part of a made-up network that is drawn once.

Memory: some bytes a person (mixtures and cumulated weights), none a post.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from training.synthetic.config import SyntheticConfig

MOST_INTERESTS = 4
"""Of one person."""
WORDS_EACH, WORDS_COMMON = 150, 400
_ACTIVITY = 0.6
"""Exponent: the n-th most active person writes n to this power times less than the first."""
_ZIPF = 1.0
_SYLLABLES = np.array([a + b for a in "bdfgklmnprstvz" for b in "aeiou"])


@dataclass(frozen=True)
class World:
    """A made-up network before anything is said.

    Attributes:
        config: that it is of.
        vocabulary: (interests * WORDS_EACH + WORDS_COMMON,) words, interest by interest, those that
            everybody uses last; no word twice.
        interests: (people, MOST_INTERESTS) int16 of each person.
        shares: (people, MOST_INTERESTS) float32, rows of sum 1: how much of each.
        activity: (people,) float64 of sum 1: how much of all a person does.
    """

    config: SyntheticConfig
    vocabulary: np.ndarray
    interests: np.ndarray
    shares: np.ndarray
    activity: np.ndarray

    @cached_property
    def cumulated(self) -> np.ndarray:
        """(people,) cumulated activity, to draw people by."""
        return np.cumsum(self.activity)

    @cached_property
    def fans(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """People by interest: (4 * people,) ids, cumulated weights, and (interests + 1,) starts."""
        interest = self.interests.ravel()
        order = np.argsort(interest, kind="stable")
        people = (order // self.interests.shape[1]).astype(np.int32)
        weight = (self.shares * self.activity[:, None]).ravel()[order]
        starts = np.searchsorted(interest[order], np.arange(self.config.interests + 1))
        return people, np.cumsum(weight), starts

    def people_for(self, interests: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """(n,) people, each with its interest (n,), by activity and how much of it is theirs."""
        people, cumulated, starts = self.fans
        before = np.concatenate([[0.0], cumulated])
        low, high = before[starts[interests]], before[starts[interests + 1]]
        drawn = low + random.random(len(interests)) * (high - low)
        at = np.searchsorted(cumulated, drawn, side="right")
        return people[np.clip(at, starts[interests], np.maximum(starts[interests + 1] - 1, 0))]


def user_ids(people: np.ndarray) -> list[str]:
    """Ids of people by number: `u0000017`."""
    return [f"u{person:07}" for person in people.tolist()]


def post_ids(posts: np.ndarray) -> list[str]:
    """Ids of posts by number: `p000000017`."""
    return [f"p{post:09}" for post in posts.tolist()]


def make_world(config: SyntheticConfig) -> World:
    """Draw a world by its seed. Every interest has somebody, as far as there are people enough."""
    random = np.random.default_rng([config.seed, 0])
    count = min(MOST_INTERESTS, config.interests)
    # distinct interests of a person: a random first one, then steps that never come back to it
    first = random.permutation(np.arange(config.people) % config.interests)
    steps = _steps(config.people, count, config.interests, random)
    interests = ((first[:, None] + steps) % config.interests).astype(np.int16)
    shares = random.dirichlet(np.array([4.0, 1.5, 0.7, 0.3])[:count], config.people)
    rank = random.permutation(config.people) + 1.0
    activity = rank**-_ACTIVITY
    return World(
        config,
        _vocabulary(config, random),
        interests,
        shares.astype(np.float32),
        activity / activity.sum(),
    )


def zipf_ranks(count: int, words: int, random: np.random.Generator) -> np.ndarray:
    """(count,) ranks in [0, words), the r-th drawn in proportion to 1 / (r + 1)."""
    cumulated = np.cumsum(np.arange(1, words + 1, dtype=np.float64) ** -_ZIPF)
    return np.searchsorted(cumulated, random.random(count) * cumulated[-1], side="right")


def _steps(people: int, count: int, interests: int, random: np.random.Generator) -> np.ndarray:
    """(people, count) distinct steps modulo the interests, 0 first."""
    steps = np.zeros((people, count), dtype=np.int64)
    for place in range(1, count):
        drawn = random.integers(1, interests, people)
        while (taken := (steps[:, :place] == drawn[:, None]).any(axis=1)).any():
            drawn[taken] = random.integers(1, interests, int(taken.sum()))
        steps[:, place] = drawn
    return steps


def _vocabulary(config: SyntheticConfig, random: np.random.Generator) -> np.ndarray:
    """Words that can be said, each once."""
    wanted = config.interests * WORDS_EACH + WORDS_COMMON
    numbers = random.choice(len(_SYLLABLES) ** 3, wanted, replace=False)
    base = len(_SYLLABLES)
    parts = [_SYLLABLES[numbers // base**2], _SYLLABLES[numbers // base % base]]
    return np.char.add(np.char.add(*parts), _SYLLABLES[numbers % base])
