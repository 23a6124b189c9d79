"""What people are interested in: the words that stand around them more than around others."""

from dataclasses import dataclass

import numpy as np

from training.errors import BadData, NotFound
from training.interests.landscape import Landscape
from training.interests.lookup import find_id
from training.interests.strength import lifts, percentiles, strengths
from training.interests.vocabulary import Vocabulary
from training.materials import Materials
from training.modalities import Modality

ENOUGH = 20
_LEAST_STRENGTH = 0.05
"""Bits: what tells less is left out."""
_ONE_SUBJECT = 0.6
"""Two words that share this part of their posts say the same thing twice."""


@dataclass(frozen=True)
class Interest:
    """A word near a person.

    Attributes:
        word: of the vocabulary.
        strength: bits by which it tells this person from people in general; see `strengths`.
        lift: how many times more common it is around them than around people.
        share: of the posts around them that hold it, by weight.
        percentile: part of all people who are less near to it.
        used: how many training posts of their own hold it; 0: the space sees it in others' posts.
        is_tag: whether it is a tag somewhere.
        also: variants, and weaker words that come with it in mostly the same posts.
    """

    word: str
    strength: float
    lift: float
    share: float
    percentile: float
    used: int
    is_tag: bool
    also: tuple[str, ...]


def interests(
    landscape: Landscape, materials: Materials, user_id: str, count: int = ENOUGH
) -> list[Interest]:
    """The words nearest to a person, the strongest first.

    Args:
        landscape: see `survey`.
        materials: of the same data.
        user_id: the person.
        count: at most so many; fewer where fewer tell the person from others.
    Raises: NotFound if the person is unknown or has no place; BadData if the posts have no words.
    """
    users = materials.examples.users
    person = find_id(user_id, users, "person")
    if not landscape.present[person]:
        raise NotFound(
            f"{user_id} has no place in the space",
            hint="the model doesn't know them, and none of their posts is in the training split",
        )
    vocabulary = landscape.vocabulary
    require_words(vocabulary)
    shares = landscape.shares(landscape.around(landscape.people[[person]], Modality.USER))
    strong = strengths(shares, landscape.usual)[0]
    lift = lifts(shares, landscape.usual)[0]
    listed = distinct(
        vocabulary, np.argsort(-strong, kind="stable"), strong >= _LEAST_STRENGTH, count
    )
    chosen = list(listed)
    rank = percentiles(shares[:, chosen], landscape.reference[:, chosen])[0]
    own = vocabulary.holds[landscape.author == person]
    used = np.asarray(own.sum(axis=0)).ravel().astype(int)
    return [
        Interest(
            word=vocabulary.terms[row],
            strength=float(strong[row]),
            lift=float(lift[row]),
            share=float(shares[0, row]),
            percentile=float(rank[place]),
            used=int(used[row]),
            is_tag=bool(vocabulary.is_tag[row]),
            also=listed[row],
        )
        for place, row in enumerate(chosen)
    ]


def require_words(vocabulary: Vocabulary) -> None:
    """Raises: BadData if there is no vocabulary to answer from."""
    if not len(vocabulary):
        raise BadData(
            "the training posts have no tags and no words that several posts share",
            hint="interests are told in the words of posts: give posts with texts or tags",
        )


def distinct(
    vocabulary: Vocabulary, order: np.ndarray, allowed: np.ndarray, count: int
) -> dict[int, tuple[str, ...]]:
    """The first words of an order that each say something new.

    A word that stands in mostly the same posts as one before it, or is a part of it, joins it.

    Args:
        vocabulary: of V terms.
        order: rows, the best first.
        allowed: (V,) bool.
        count: how many.
    Returns: row to the other words for it: its variants, then those that joined.
    """
    listed: dict[int, list[str]] = {}
    posts: dict[int, np.ndarray] = {}
    for row in order:
        row = int(row)
        if not allowed[row]:
            continue
        here = vocabulary.posts(row)
        same = next((head for head in listed if _same(vocabulary, head, row, posts, here)), None)
        if same is not None:
            listed[same].append(vocabulary.terms[row])
            continue
        if len(listed) == count:
            break
        listed[row], posts[row] = list(vocabulary.variants[row]), here
    return {row: tuple(also) for row, also in listed.items()}


def _same(
    vocabulary: Vocabulary, head: int, row: int, posts: dict[int, np.ndarray], here: np.ndarray
) -> bool:
    long, short = vocabulary.terms[head].split(), vocabulary.terms[row].split()
    if set(short) < set(long) or set(long) < set(short):
        return True
    shared = len(np.intersect1d(posts[head], here, assume_unique=True))
    return shared >= _ONE_SUBJECT * (len(posts[head]) + len(here) - shared)
