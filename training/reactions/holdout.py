"""Which reactions are held out: the latest likes of each person, or all after a date."""

from dataclasses import dataclass

import numpy as np

from training.reactions.config import ReactionConfig
from training.reactions.events import Events
from training.reactions.opinions import Opinions, opinions

FEWEST_LIKES = 5
"""People with fewer are never held out, so that a history is left."""


@dataclass(frozen=True)
class Holdout:
    """A data set of reactions in two parts.

    Attributes:
        train: all reactions that may be learned from; none of a held-out pair, and of people with
            a held-out like none that came after its first, unless it belongs to an earlier like.
        held: the opinions in `train`.
        test: the held-out likes.
    """

    train: Events
    held: Opinions
    test: Opinions

    @property
    def cold(self) -> np.ndarray:
        """(N,) bool: posts that nobody likes in `held`."""
        return self.held.likes().count() == 0


def last_of_each(events: Events, config: ReactionConfig, share: float) -> Holdout:
    """Hold out the last `share` of each person's likes, one at least, of people with five."""
    likes = opinions(events, config).likes()
    length = np.diff(likes.start())
    number = np.maximum(1, np.round(length * share)).astype(int)
    chosen = (likes.later() < number[likes.person]) & (length[likes.person] >= FEWEST_LIKES)
    first = np.full(likes.people, np.inf)
    np.minimum.at(first, likes.person[chosen], likes.day[chosen])
    early = events.day < first[events.person]
    early |= _among(events, likes[~chosen])
    return _parts(events, early & ~_among(events, likes[chosen]), likes[chosen], config)


def after_a_date(events: Events, config: ReactionConfig, share: float) -> Holdout:
    """Hold out everything after the date that leaves the last `share` of all likes behind it."""
    likes = opinions(events, config).likes()
    date = np.quantile(likes.day, 1 - share) if len(likes) else np.inf
    chosen = likes.day >= date
    early = (events.day < date) & ~_among(events, likes[chosen])
    return _parts(events, early, likes[chosen], config)


def _parts(events: Events, early: np.ndarray, test: Opinions, config: ReactionConfig) -> Holdout:
    train = events[early]
    return Holdout(train, opinions(train, config), test)


def _among(events: Events, chosen: Opinions) -> np.ndarray:
    """(M,) bool: whether a reaction belongs to one of these pairs of person and post."""
    pairs = events.person * len(events.posts) + events.post
    return np.isin(pairs, chosen.person * chosen.posts + chosen.post)


def latest_reactions(events: Events, share: float) -> np.ndarray:
    """(M,) bool: the last `share` of each person's reactions, of whatever kind, of people with ten.

    A pair of person and post that reacted before as well is not among them.
    """
    start = np.searchsorted(events.person, np.arange(len(events.users) + 1))
    later = start[events.person + 1] - 1 - np.arange(len(events))
    length = np.diff(start)[events.person]
    late = (later < share * length) & (length >= 2 * FEWEST_LIKES)
    pairs = events.person * len(events.posts) + events.post
    return late & ~np.isin(pairs, pairs[~late])
