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

_FOLLOW = "follow"


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
    profile: Profile,
    view: View,
    events: Events,
    k: int,
    config: RecommendConfig,
    *,
    to_follow: bool = False,
) -> list[SimilarUser]:
    """The k people nearest to a person, with what binds them; deleted people left out.

    Only posts that everyone may see are compared or named, and never what the other liked. Nobody
    whom the person muted or blocked is among them, nor anyone who blocked the person.

    Args:
        profile: the person, who has a vector.
        view: vectors.
        events: who exists, and their posts.
        k: how many.
        config: how many posts of each are compared.
        to_follow: only people with public posts in the index whom the person doesn't follow yet.
    """
    if profile.vector is None:
        return []
    followed = _followed(profile, events) if to_follow else frozenset[str]()
    exclude = frozenset({profile.user_id}) | profile.boundaries.authors | followed
    query = view.aimed(profile.vector[None], Target.USERS, Target.USERS)[0]
    people: list[SimilarUser] = []
    for found in nearest(view, Target.USERS, query, k, exclude):
        people += _bound(found, profile, view, events, config, to_follow=to_follow)
        if len(people) >= k:
            break
    return people[:k]


def _bound(
    found: list[Near],
    profile: Profile,
    view: View,
    events: Events,
    config: RecommendConfig,
    *,
    to_follow: bool,
) -> list[SimilarUser]:
    known = events.known([near.id for near in found])
    posts = events.public_posts_of(known, config.compared)
    ids = [post.post_id for theirs in posts.values() for post in theirs]
    vectors = view.recent(Target.POSTS, ids)
    people = []
    for near in found:
        if near.id not in known:
            continue
        binding = why_person(profile, posts[near.id], vectors, config.reasons)
        if binding.posts or not to_follow:
            one = SimilarUser(near.id, near.score, binding.reasons, binding.interest, binding.posts)
            people.append(one)
    return people


def _followed(profile: Profile, events: Events) -> frozenset[str]:
    """Authors of posts that the person reacted to with a follow."""
    ids = [one.post_id for one in profile.reactions if one.kind == _FOLLOW]
    return frozenset(post.user_id for post in events.outlines(ids).values())
