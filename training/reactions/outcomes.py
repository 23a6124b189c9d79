"""What there is to predict of a pair of person and post: one outcome a kind of reaction.

Which question the data can answer differs from kind to kind, and the answer says which it is.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from training.histories import approval
from training.reactions.config import ReactionConfig
from training.reactions.events import Events
from training.reactions.opinions import opinions

FEWEST = 20
"""Pairs of either answer, below which a kind's question can't be answered from the data."""
DRAWN_PER_POSITIVE = 10
REACTS, APPROVES = "reacts", "approves"
"""Outcomes over all kinds: that a person reacts at all, and that they do so with approval."""


class Question(StrEnum):
    """What a probability is a probability of."""

    IF_REACTING = "if_reacting"
    """That a person who reacts to the post reacts in this way."""
    AT_ALL = "at_all"
    """That a person reacts in this way to a post drawn at random from those they haven't reacted
    to, in a period as long as the one it was fitted on. Not reacting may mean not seeing."""


@dataclass(frozen=True)
class Pairs:
    """Distinct pairs of person and post, with which outcomes came true.

    Attributes:
        names: of the K outcomes.
        person: (P,) rows of the people.
        post: (P,) rows of the posts.
        happened: (P, K) bool.
    """

    names: tuple[str, ...]
    person: np.ndarray
    post: np.ndarray
    happened: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "Pairs":
        """Some of the pairs."""
        return Pairs(self.names, self.person[chosen], self.post[chosen], self.happened[chosen])


@dataclass(frozen=True)
class Asked:
    """Cases to fit or judge a kind's probability on.

    Attributes:
        question: what is asked.
        person: (C,) rows of the people.
        post: (C,) rows of the posts.
        happened: (C,) bool.
        weight: (C,) how many cases each stands for: those without a reaction are a sample.
    """

    question: Question
    person: np.ndarray
    post: np.ndarray
    happened: np.ndarray
    weight: np.ndarray


def outcome_name(kind: str, config: ReactionConfig) -> str:
    """A kind's name; of a kind whose value decides, with the value that makes it approval."""
    least = config.history.approving.get(kind)
    return kind if least is None else f"{kind}>={least:g}"


def read_pairs(events: Events, config: ReactionConfig) -> Pairs:
    """What came true of every pair that reacted somehow.

    A kind whose value decides comes true where it approves; any other by being there.
    """
    code, place = np.unique(events.person * len(events.posts) + events.post, return_inverse=True)
    happened = np.zeros((len(code), len(events.kinds)), dtype=bool)
    happened[place.reshape(-1), events.kind] |= _true(events, config)
    names = tuple(outcome_name(kind, config) for kind in events.kinds)
    return Pairs(names, code // len(events.posts), code % len(events.posts), happened)


def _true(events: Events, config: ReactionConfig) -> np.ndarray:
    true = np.ones(len(events), dtype=bool)
    for row, kind in enumerate(events.kinds):
        if kind in config.history.approving:
            own = np.flatnonzero(events.kind == row)
            values = events.value[own]
            true[own] = [
                approval(kind, None if np.isnan(v) else float(v), config.history) > 0
                for v in values
            ]
    return true


def overall_pairs(events: Events, config: ReactionConfig) -> Pairs:
    """The pairs of `read_pairs` with the two outcomes over all kinds, `REACTS` and `APPROVES`."""
    pairs, likes = read_pairs(events, config), opinions(events, config).likes()
    liked = np.isin(
        pairs.person * len(events.posts) + pairs.post,
        likes.person * len(events.posts) + likes.post,
    )
    happened = np.stack([np.ones(len(liked), dtype=bool), liked], axis=1)
    return Pairs((REACTS, APPROVES), pairs.person, pairs.post, happened)


def question_of(pairs: Pairs, outcome: int) -> Question | None:
    """The best question that these held-out pairs can answer; None if there are too few."""
    happened = int(pairs.happened[:, outcome].sum())
    if happened < FEWEST:
        return None
    rest = len(pairs.person) - happened
    return Question.IF_REACTING if rest >= FEWEST else Question.AT_ALL


def ask(question: Question, pairs: Pairs, outcome: int, known: Events, seed: int) -> Asked:
    """The cases of a question among held-out pairs.

    Args:
        question: see `question_of`.
        pairs: held out.
        outcome: row of `pairs.names`.
        known: reactions of the same people before; such posts are no cases.
        seed: of the draw of posts without a reaction.
    """
    happened = pairs.happened[:, outcome]
    if question is Question.IF_REACTING:
        return Asked(question, pairs.person, pairs.post, happened, np.ones(len(happened)))
    people, posts = np.unique(pairs.person), len(known.posts)
    each = min(posts, -(-DRAWN_PER_POSITIVE * int(happened.sum()) // len(people)))
    person = np.repeat(people, each)
    post = np.random.default_rng(seed).integers(posts, size=len(person))
    reacted = np.union1d(known.person * posts + known.post, pairs.person * posts + pairs.post)
    reacted_of = np.bincount(reacted // posts, minlength=len(known.users))
    kept = ~np.isin(person * posts + post, reacted)
    person, post = person[kept], post[kept]
    drawn = np.bincount(person, minlength=len(known.users))
    stands_for = (posts - reacted_of)[person] / drawn[person]
    return Asked(
        question,
        np.concatenate([pairs.person[happened], person]),
        np.concatenate([pairs.post[happened], post]),
        np.arange(int(happened.sum()) + len(post)) < int(happened.sum()),
        np.concatenate([np.ones(int(happened.sum())), stands_for]),
    )
