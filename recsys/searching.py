"""Search: what is near a text, a picture or a person."""

import numpy as np

from recsys.answers import Hit
from recsys.events.database import Events
from recsys.filtering import PostFilter
from recsys.filters import Everything
from recsys.neighbours import nearest
from recsys.versions import Target
from recsys.view import Near, View


def search_near(
    query: np.ndarray,
    target: Target,
    k: int,
    view: View,
    events: Events,
    exclude: frozenset[str],
    where: PostFilter | None = None,
) -> list[Hit]:
    """The k things nearest to a query that exist and that everyone may see, best first.

    Args:
        query: (D,) unit, as it asks for the target (`View.aimed`).
        target: which kind of thing to find.
        k: how many.
        view: vectors.
        events: what exists and is public.
        exclude: ids to leave out.
        where: what must hold of posts; says nothing about people.
    """
    hits: list[Hit] = []
    condition = where.filter() if where and target is not Target.USERS else Everything()
    for found in nearest(view, target, query, k, exclude, condition):
        hits += _people(found, events) if target is Target.USERS else _posts(found, events, where)
        if len(hits) >= k:
            break
    return hits[:k]


def _people(found: list[Near], events: Events) -> list[Hit]:
    known = events.known([near.id for near in found])
    return [Hit(near.id, near.id, near.id, near.score) for near in found if near.id in known]


def _posts(found: list[Near], events: Events, where: PostFilter | None) -> list[Hit]:
    posts = events.posts([near.id for near in found])
    return [
        Hit(near.id, posts[near.id].user_id, posts[near.id].title, near.score)
        for near in found
        if near.id in posts
        and not posts[near.id].private
        and (where is None or where.passes(posts[near.id]))
    ]
