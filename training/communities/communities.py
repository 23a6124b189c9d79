"""Communities as people read them: name, size, tightness, and who and what is in the middle."""

from dataclasses import dataclass

import numpy as np

from training.communities.find import LEAST_SIZE, Grouping, group
from training.communities.method import NOBODY
from training.communities.naming import names_of, naming_words
from training.communities.points import Points, in_space
from training.interests.landscape import Landscape
from training.materials import Materials

CENTRAL_POSTS = 5


@dataclass(frozen=True)
class CentralPost:
    """A post near the middle of a community."""

    post_id: str
    author: str
    text: str | None


@dataclass(frozen=True)
class Community:
    """A group of people.

    Attributes:
        number: from 1, the largest first.
        name: its most distinguishing words.
        words: more of them.
        size: how many people.
        tightness: mean cosine of two of them about the middle of all: 0 as anyone, 1 all the same.
        stability: how much of it resampled people find again, in [0, 1]; see `recovery`.
        people: all of them, the most central first.
        posts: the most central posts of theirs, of different authors.
    """

    number: int
    name: str
    words: tuple[str, ...]
    size: int
    tightness: float
    stability: float
    people: tuple[str, ...]
    posts: tuple[CentralPost, ...]


@dataclass(frozen=True)
class Communities:
    """What was found.

    Attributes:
        communities: the largest first.
        grouping: labels of the people with a place, and how firm they are.
        labels: (U,) of all people, NOBODY for those in none.
        outside: people with a place who belong to no community.
        without_place: people that the space can't place: unknown, and without a training post.
    """

    communities: tuple[Community, ...]
    grouping: Grouping
    labels: np.ndarray
    outside: tuple[str, ...]
    without_place: tuple[str, ...]


def find_communities(
    landscape: Landscape,
    materials: Materials,
    *,
    method: str = "louvain",
    level: float | None = None,
    least: int = LEAST_SIZE,
    seed: int = 0,
) -> Communities:
    """Group the people of a space and say what each group is about.

    Args:
        landscape: see `survey`.
        materials: of the same data.
        method: of grouping.
        level: of detail; None lets resampled people choose.
        least: people a community has at least.
        seed: the same gives the same communities.
    Raises: BadData if fewer than eight people have a place.
    """
    points = in_space(landscape)
    grouping = group(points.vectors, method, level=level, least=least, seed=seed)
    labels = labels_of_all(grouping, points, len(landscape.people))
    words = naming_words(landscape.vocabulary, landscape.author, labels)
    names = names_of(words)
    users = materials.examples.users
    communities = []
    for number in range(grouping.count):
        members = np.flatnonzero(grouping.labels == number)
        own = points.vectors[members]
        centre = own.mean(axis=0)
        order = np.argsort(-(own @ centre), kind="stable")
        communities.append(
            Community(
                number=number + 1,
                name=names[number],
                words=tuple(word.word for word in words[number]),
                size=len(members),
                tightness=_tightness(own),
                stability=float(grouping.recovered[number]),
                people=tuple(users[person] for person in points.people[members[order]]),
                posts=_central_posts(landscape, materials, points, labels == number, centre),
            )
        )
    outside = points.people[grouping.labels == NOBODY]
    return Communities(
        communities=tuple(communities),
        grouping=grouping,
        labels=labels,
        outside=tuple(users[person] for person in outside),
        without_place=tuple(users[person] for person in np.flatnonzero(~landscape.present)),
    )


def labels_of_all(grouping: Grouping, points: Points, people: int) -> np.ndarray:
    """(U,) labels of everyone from those of the people with a point."""
    labels = np.full(people, NOBODY)
    labels[points.people] = grouping.labels
    return labels


def _tightness(vectors: np.ndarray) -> float:
    """Mean cosine of two different rows."""
    count = len(vectors)
    total = vectors.sum(axis=0)
    return float((total @ total - count) / (count * (count - 1))) if count > 1 else 1.0


def _central_posts(
    landscape: Landscape,
    materials: Materials,
    points: Points,
    member: np.ndarray,
    centre: np.ndarray,
) -> tuple[CentralPost, ...]:
    """Posts of members nearest to the centre, one of each author."""
    rows = np.flatnonzero(member[landscape.author])
    order = rows[np.argsort(-(points.place(landscape.subjects[rows]) @ centre), kind="stable")]
    _, first = np.unique(landscape.author[order], return_index=True)
    chosen = landscape.rows[order[np.sort(first)[:CENTRAL_POSTS]]]
    texts = materials.data.posts(["text"])["text"].take(chosen).to_pylist()
    features = materials.features
    return tuple(
        CentralPost(str(features.post_ids[row]), str(features.user_ids[row]), text)
        for row, text in zip(chosen, texts, strict=True)
    )
