"""What is known and what is asked: three ways to hold out, and what a contender may see of each.

A contender gets a `Training`, in which nothing of the held-out part is left: no reaction, no
author of a hidden post, no post in the statistics of those that were there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from recsys.evaluation.config import SplitName
from recsys.evaluation.network import Network
from recsys.events.records import Post
from training.data.config import SplitConfig
from training.data.split import TEST, split_posts
from training.errors import BadData
from training.modalities import PostFeatures
from training.reactions import holdout
from training.reactions.config import ReactionConfig
from training.reactions.events import Events
from training.reactions.opinions import Opinions, opinions

TEST_SHARE = 0.2
FEWEST_TESTED = 10
"""People with something held out, below which no figure is worth printing."""
OWN = "like"
"""The kind by which an own post stands among the reactions, where own posts are what is asked."""


@dataclass(frozen=True, eq=False)
class Training:
    """All that a contender may see. Posts and people keep their rows.

    Attributes:
        posts: the N posts; a hidden one has an author of its own, whose name says nothing.
        features: of the N posts.
        known: (N,) bool: posts that were there at the time; the rest came afterwards, and is met
            as any new post is.
        candidates: (N,) bool: posts that may be recommended.
        events: reactions before the time.
        held: the opinions in them.
        config: how reactions are read.
        day: the time, in days since 1970; no reaction is later.
        own: whether the reactions stand for own posts.
    """

    posts: tuple[Post, ...]
    features: PostFeatures
    known: np.ndarray
    candidates: np.ndarray
    events: Events
    held: Opinions
    config: ReactionConfig
    day: float
    own: bool = False

    @property
    def users(self) -> tuple[str, ...]:
        """Ids of the U people."""
        return self.events.users

    @property
    def known_features(self) -> PostFeatures:
        """Of the posts that were there: what statistics may be taken from."""
        return self.features[torch.from_numpy(self.known)]

    def allowed(self, people: np.ndarray) -> np.ndarray:
        """(B, N) bool: candidates that each of these people neither wrote nor reacted to."""
        found = np.tile(self.candidates, (len(people), 1))
        place = np.full(len(self.users), -1)
        place[people] = np.arange(len(people))
        chosen = place[self.events.person] >= 0
        found[place[self.events.person[chosen]], self.events.post[chosen]] = False
        row_of = {self.users[person]: row for row, person in enumerate(people)}
        for column, post in enumerate(self.posts):
            if post.user_id in row_of:
                found[row_of[post.user_id], column] = False
        return found


@dataclass(frozen=True, eq=False)
class Split:
    """A network in two parts.

    Attributes:
        name: of the way it was parted.
        training: what contenders see.
        test: held-out likes of posts that may be recommended to the person.
        later: all reactions that were held out, of whatever kind.
    """

    name: str
    training: Training
    test: Opinions
    later: Events

    @property
    def people(self) -> np.ndarray:
        """(P,) rows of the people with something held out, ascending."""
        return np.unique(self.test.person)


Splitter = Callable[[Network, ReactionConfig, int], Split]


def temporal(network: Network, config: ReactionConfig, seed: int = 0) -> Split:
    """Everything after one date is held out: the last fifth of all likes, and posts of that time.

    People and posts that came after it are unknown to training.
    """
    parts = holdout.after_a_date(network.events, config, TEST_SHARE)
    day = float(parts.test.day.min()) if len(parts.test) else np.inf
    known = network.born < day
    train = parts.train[known[parts.train.post]]
    later = network.events[network.events.day >= day]
    everything = np.ones(len(network), dtype=bool)
    before = float(np.nextafter(day, -np.inf))
    training = _training(network, config, train, known, everything, before)
    return _split("temporal", training, parts.test, later)


def last_of_each(network: Network, config: ReactionConfig, seed: int = 0) -> Split:
    """The last fifth of each person's likes is held out, of people with five likes or more."""
    parts = holdout.last_of_each(network.events, config, TEST_SHARE)
    pairs = _pairs(network.events)
    later = network.events[~np.isin(pairs, _pairs(parts.train))]
    everything = np.ones(len(network), dtype=bool)
    day = float(parts.train.day.max()) if len(parts.train) else 0.0
    training = _training(network, config, parts.train, everything, everything, day)
    return _split("last_of_each", training, parts.test, later)


def own_posts(network: Network, config: ReactionConfig, seed: int = 0) -> Split:
    """A fifth of each person's own posts is hidden: posts that they would like, if others wrote.

    The hidden posts of all people are the candidates, and nobody is told whose they are. Posts that
    stay are history, each a like of its author; they are no candidates, as a trained model has
    learned whose they are not.
    """
    ids = [post.post_id for post in network.posts]
    authors = [post.user_id for post in network.posts]
    draw = SplitConfig(strategy="random", test_share=TEST_SHARE, seed=seed)
    hidden = np.asarray(split_posts(ids, authors, None, draw)) == TEST
    dated = np.where(np.isfinite(network.born), network.born, 0.0)
    wrote = _as_likes(tuple(ids), authors, dated)
    nameless = np.random.default_rng(seed).permutation(len(ids))
    posts = tuple(
        replace(post, user_id=f"nobody/{nameless[row]}") if hidden[row] else post
        for row, post in enumerate(network.posts)
    )
    late = hidden[wrote.post]
    unsigned = replace(network, posts=posts)
    day = float(dated.max(initial=0.0))
    training = _training(unsigned, config, wrote[~late], ~hidden, hidden, day)
    return _split(
        "own_posts", replace(training, own=True), opinions(wrote[late], config), wrote[late]
    )


SPLITS: dict[SplitName, Splitter] = {
    "temporal": temporal,
    "last_of_each": last_of_each,
    "own_posts": own_posts,
}


def drawn(split: Split, people: int | None, seed: int) -> Split:
    """The same, but only so many people are asked for; contenders learn from all."""
    if people is None or people >= len(split.people):
        return split
    chosen = np.random.default_rng(seed).choice(split.people, people, replace=False)
    return replace(split, test=split.test[np.isin(split.test.person, chosen)])


def check(split: Split) -> Split:
    """The split, if enough people are asked and anything is known. Raises: BadData."""
    people, likes = len(split.people), len(split.training.held.likes())
    if people < FEWEST_TESTED or not likes:
        raise BadData(
            f"{split.name}: {people} people have something held out, {likes} likes are left to "
            "learn from",
            hint=f"{FEWEST_TESTED} people with five likes (or own posts) each at least",
        )
    return split


def _training(
    network: Network,
    config: ReactionConfig,
    train: Events,
    known: np.ndarray,
    candidates: np.ndarray,
    day: float,
) -> Training:
    held = opinions(train, config)
    return Training(network.posts, network.features, known, candidates, train, held, config, day)


def _split(name: str, training: Training, test: Opinions, later: Events) -> Split:
    """Without what could never be found: likes of own posts, and of posts seen before."""
    people = np.unique(test.person)
    place = np.full(test.people, -1)
    place[people] = np.arange(len(people))
    allowed = training.allowed(people)
    return Split(name, training, test[allowed[place[test.person], test.post]], later)


def _as_likes(posts: tuple[str, ...], authors: list[str], days: np.ndarray) -> Events:
    users, person = np.unique(np.asarray(authors), return_inverse=True)
    post = np.arange(len(posts))
    order = np.lexsort((post, days, person.reshape(-1)))
    count = len(posts)
    nothing, kind = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    names = tuple(str(user) for user in users)
    whole = Events(names, posts, (OWN,), person.reshape(-1), post, kind, nothing, days)
    return whole[order]


def _pairs(events: Events) -> np.ndarray:
    return events.person * len(events.posts) + events.post
