"""People near a place on the sphere."""

from collections.abc import Iterator

import numpy as np

from recsys.answers import SimilarUser
from recsys.config import RecommendConfig
from recsys.events.database import Events
from recsys.filters import Everything, Filter, without_ids
from recsys.profiles import Profile
from recsys.reasons import why_person
from recsys.versions import Target
from recsys.view import MOST, Near, View


def nearest(
    view: View,
    target: Target,
    query: np.ndarray,
    first: int,
    exclude: frozenset[str],
    where: Filter | None = None,
) -> Iterator[list[Near]]:
    """Ever farther rows, four times as many each time, until there are no more.

    Args:
        view: what to search.
        target: which collection.
        query: (D,) unit.
        first: how many to begin with.
        exclude: ids to leave out.
        where: what else must hold.
    """
    condition = where or Everything()
    while True:
        (found,) = view.search(target, query[None], first, without_ids(exclude) & condition)
        if not found:
            return
        yield found
        exclude |= {near.id for near in found}
        first = min(first * 4, MOST)


def similar_people(
    profile: Profile, view: View, events: Events, k: int, config: RecommendConfig
) -> list[SimilarUser]:
    """The k people nearest to a person, with what binds them; deleted people left out.

    Only posts that everyone may see are compared or named, and never what the other liked.

    Args:
        profile: the person, who has a vector.
        view: vectors.
        events: who exists, and their posts.
        k: how many.
        config: how many posts of each are compared.
    """
    if profile.vector is None:
        return []
    people: list[Near] = []
    exclude = frozenset({profile.user_id})
    query = view.aimed(profile.vector[None], Target.USERS, Target.USERS)[0]
    for found in nearest(view, Target.USERS, query, k, exclude):
        known = events.known([near.id for near in found])
        people += [near for near in found if near.id in known]
        if len(people) >= k:
            break
    people = people[:k]
    posts = events.public_posts_of([near.id for near in people], config.compared)
    ids = [post.post_id for theirs in posts.values() for post in theirs]
    vectors = view.recent(Target.POSTS, ids)
    return [
        SimilarUser(
            user_id=near.id,
            score=near.score,
            reasons=why_person(profile, posts[near.id], vectors, config.reasons),
        )
        for near in people
    ]
