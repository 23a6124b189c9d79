"""What a probability is made of: the score, and what is known of the person and the post."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.reactions.config import ReactionConfig
from training.reactions.events import Events
from training.reactions.opinions import Opinions, opinions
from training.reactions.outcomes import Pairs, read_pairs
from training.reactions.space import ReactionSpace

SIGNALS = ("score", "popularity", "author_affinity", "person_habit", "post_habit")
PRIOR_PAIRS = 5.0
"""Habits of people and posts with few reactions lean so much on everyone's."""


@dataclass(frozen=True)
class Background:
    """What training says of the N posts and K outcomes.

    Attributes:
        names: of the outcomes.
        authors: (N,) whole numbers, equal for posts of one author.
        reacted: (N,) pairs that reacted to each post.
        happened: (N, K) of them, how many with each outcome.
        average: (K,) share of each outcome among all pairs.
    """

    names: tuple[str, ...]
    authors: np.ndarray
    reacted: np.ndarray
    happened: np.ndarray
    average: np.ndarray


def background(events: Events, authors: Sequence[str], config: ReactionConfig) -> Background:
    """Count the training part. `authors`: of the N posts."""
    pairs = read_pairs(events, config)
    happened = _sums(pairs.post, pairs, len(events.posts))
    return Background(
        names=pairs.names,
        authors=np.unique(np.asarray(authors), return_inverse=True)[1].reshape(-1),
        reacted=np.bincount(pairs.post, minlength=len(events.posts)).astype(np.float64),
        happened=happened,
        average=pairs.happened.mean(axis=0) if len(pairs.person) else np.zeros(len(pairs.names)),
    )


def signals(
    space: ReactionSpace,
    known: Events,
    person: np.ndarray,
    post: np.ndarray,
    outcome: int,
    base: Background,
    score: np.ndarray | None = None,
) -> np.ndarray:
    """(C, 5) the `SIGNALS` of pairs.

    Args:
        space: gives the scores.
        known: reactions of the people before; row numbers of `person` are its own.
        person: (C,) rows.
        post: (C,) rows.
        outcome: row of `base.names`.
        base: of the training part.
        score: (C,) of `scores`, if they are known already.
    """
    held = opinions(known, space.config)
    if score is None:
        score = scores(space, held, person, post)
    return np.stack(
        [
            score,
            np.log1p(base.reacted[post]),
            _author_affinity(held.likes(), person, base.authors, post),
            _person_habit(known, space.config, outcome, base)[person],
            _habit(base.happened[:, outcome], base.reacted, base.average[outcome])[post],
        ],
        axis=1,
    )


def scores(
    space: ReactionSpace, held: Opinions, person: np.ndarray, post: np.ndarray
) -> np.ndarray:
    """(C,) scaled dot products of pairs, given as (C,) rows of people and posts."""
    return space.temperature * np.einsum("ij,ij->i", space.place(held)[person], space.vectors[post])


def _author_affinity(
    likes: Opinions, person: np.ndarray, authors: np.ndarray, post: np.ndarray
) -> np.ndarray:
    """(C,) share of a person's likes that is for the post's author; 0 if all have one author."""
    writers = int(authors.max(initial=0)) + 1
    if writers == 1 or not len(likes):
        return np.zeros(len(person))
    code, place = np.unique(likes.person * writers + authors[likes.post], return_inverse=True)
    weight = np.bincount(place.reshape(-1), likes.weight)
    wanted = person * writers + authors[post]
    found = np.minimum(np.searchsorted(code, wanted), len(code) - 1)
    total = np.bincount(likes.person, likes.weight, minlength=likes.people)[person]
    return np.where(code[found] == wanted, weight[found] / np.maximum(total, 1e-9), 0.0)


def _person_habit(
    known: Events, config: ReactionConfig, outcome: int, base: Background
) -> np.ndarray:
    pairs = read_pairs(known, config)
    reacted = np.bincount(pairs.person, minlength=len(known.users)).astype(np.float64)
    name = base.names[outcome]
    happened = np.zeros(len(known.users))
    if name in pairs.names:
        column = pairs.happened[:, pairs.names.index(name)]
        happened = np.bincount(pairs.person, column, minlength=len(known.users))
    return _habit(happened, reacted, base.average[outcome])


def _habit(happened: np.ndarray, reacted: np.ndarray, average: float) -> np.ndarray:
    return (happened + PRIOR_PAIRS * average) / (reacted + PRIOR_PAIRS)


def _sums(rows: np.ndarray, pairs: Pairs, count: int) -> np.ndarray:
    found = np.zeros((count, len(pairs.names)))
    np.add.at(found, rows, pairs.happened)
    return found
