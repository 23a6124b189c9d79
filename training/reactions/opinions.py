"""What a person thinks of a post, all their reactions to it taken together."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import sparse

from training.histories import approval
from training.reactions.config import ReactionConfig
from training.reactions.events import Events


@dataclass(frozen=True)
class Opinions:
    """M opinions of U people on N posts, one a person and post at most; by person, then by time.

    Attributes:
        people: U.
        posts: N.
        person: (M,) rows of the people, ascending.
        post: (M,) rows of the posts.
        weight: (M,) float32, above 0 for, below 0 against the post; never 0.
        day: (M,) float, ascending for each person.
    """

    people: int
    posts: int
    person: np.ndarray
    post: np.ndarray
    weight: np.ndarray
    day: np.ndarray

    def __len__(self) -> int:
        return len(self.person)

    def __getitem__(self, chosen: np.ndarray) -> Self:
        """Some of the opinions, by mask or ascending rows."""
        return replace(
            self,
            person=self.person[chosen],
            post=self.post[chosen],
            weight=self.weight[chosen],
            day=self.day[chosen],
        )

    def likes(self) -> Self:
        """Those that speak for a post."""
        return self[self.weight > 0]

    def of(self, people: np.ndarray) -> Self:
        """Those of some people, who are then numbered 0, 1, … in the order given (no repeats)."""
        place = np.full(self.people, -1)
        place[people] = np.arange(len(people))
        rows = np.flatnonzero(place[self.person] >= 0)
        rows = rows[np.argsort(place[self.person[rows]], kind="stable")]
        chosen = self[rows]
        return replace(chosen, people=len(people), person=place[chosen.person])

    def start(self) -> np.ndarray:
        """(U + 1,) where each person's opinions begin."""
        return np.searchsorted(self.person, np.arange(self.people + 1))

    def later(self) -> np.ndarray:
        """(M,) how many opinions of the same person come after each."""
        return self.start()[self.person + 1] - 1 - np.arange(len(self))

    def count(self) -> np.ndarray:
        """(N,) how many opinions there are on each post."""
        return np.bincount(self.post, minlength=self.posts)

    def matrix(self, weight: np.ndarray | None = None) -> sparse.csr_matrix:
        """(U, N) sparse; the opinions' own weights, or others (M,)."""
        values = self.weight if weight is None else weight.astype(np.float32)
        shape = (self.people, self.posts)
        return sparse.csr_matrix((values, (self.person, self.post)), shape=shape)


def opinion(kind: str, value: float | None, config: ReactionConfig) -> float:
    """How much one reaction speaks for its post (> 0) or against it (< 0); 0 if not at all."""
    weight = approval(kind, value, config.history)
    if weight > 0 or kind not in config.negatives:
        return weight
    if kind in config.disapproving and (value is None or value > config.disapproving[kind]):
        return 0.0
    return -config.negatives[kind]


def opinion_weights(events: Events, config: ReactionConfig) -> np.ndarray:
    """(M,) float32: `opinion` of every reaction."""
    distinct, place = np.unique(
        np.stack([events.kind.astype(np.float64), events.value]), axis=1, return_inverse=True
    )
    weights = [
        opinion(events.kinds[int(kind)], None if np.isnan(value) else float(value), config)
        for kind, value in distinct.T
    ]
    return np.asarray(weights, dtype=np.float32)[place.reshape(-1)]


def opinions(events: Events, config: ReactionConfig) -> Opinions:
    """Take all reactions of a person to a post together.

    The newest reaction that says anything decides between for and against; the strongest of that
    side gives the weight (a comment after a like takes nothing away from it), the newest the date.
    """
    weight = opinion_weights(events, config)
    said = np.flatnonzero(weight)
    said = said[np.lexsort((events.day[said], events.post[said], events.person[said]))]
    person, post, weight = events.person[said], events.post[said], weight[said]
    last = np.ones(len(said), dtype=bool)
    last[:-1] = (person[1:] != person[:-1]) | (post[1:] != post[:-1])
    group = np.cumsum(last) - last
    side = np.sign(weight[last])
    strength = np.zeros(len(side), dtype=np.float32)
    np.maximum.at(strength, group, weight * side[group])
    day = events.day[said][last]
    person, post = person[last], post[last]
    order = np.lexsort((post, day, person))
    whole = Opinions(len(events.users), len(events.posts), person, post, side * strength, day)
    return whole[order]
