"""What the map of communities shows, before it is drawn as a picture or a page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.communities.communities import Communities
from training.communities.method import NOBODY
from training.evaluation.layout import flat_layout, place_among
from training.interests.landscape import Landscape

MOST_POSTS = 5_000
MOST_PEOPLE = 1_000
NO_COMMUNITY = "no community"


@dataclass(frozen=True)
class MapView:
    """Posts and people in the plane.

    Attributes:
        rows: (n,) int, rows of the clean data.
        posts: (n, 2) in [0, 1].
        post_community: (n,) int, of the author.
        people: (m,) int, rows of the examples' people.
        stars: (m, 2) where they stand, among the posts nearest to them.
        star_community: (m,) int.
        activity: (m,) int, how many public training posts each has.
        names: of the communities.
    """

    rows: np.ndarray
    posts: np.ndarray
    post_community: np.ndarray
    people: np.ndarray
    stars: np.ndarray
    star_community: np.ndarray
    activity: np.ndarray
    names: Sequence[str]

    def name(self, community: int) -> str:
        """What a label reads as."""
        return self.names[community] if community != NOBODY else NO_COMMUNITY


def lay_out(landscape: Landscape, found: Communities, *, seed: int = 0) -> MapView:
    """Place at most 5,000 posts, a seeded sample, and the 1,000 most active people among them.

    Raises: ValueError if there is no post.
    """
    count = len(landscape.rows)
    if not count:
        raise ValueError("a map needs one post at least")
    random = np.random.default_rng(seed)
    shown = np.sort(random.choice(count, size=min(MOST_POSTS, count), replace=False))
    posts = landscape.subjects[shown].astype(np.float32)
    flat = flat_layout(posts, seed=seed)
    people, activity = active_people(landscape)
    return MapView(
        rows=landscape.rows[shown],
        posts=flat,
        post_community=found.labels[landscape.author[shown]],
        people=people,
        stars=place_among(landscape.interests_of(people).astype(np.float32), posts, flat),
        star_community=found.labels[people],
        activity=activity,
        names=[community.name for community in found.communities],
    )


def active_people(landscape: Landscape) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the most active people with a place, and how many posts each has."""
    activity = np.bincount(landscape.author, minlength=len(landscape.people))
    people = np.argsort(-activity - landscape.present, kind="stable")[:MOST_PEOPLE]
    people = people[landscape.present[people]]
    return people, activity[people]
