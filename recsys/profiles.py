"""A person as the recommender sees them: what they made, liked and saw, and where they are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice

import numpy as np

from recsys.config import RecommendConfig
from recsys.events.boundaries import Boundaries
from recsys.events.database import Events
from recsys.events.records import Reaction
from recsys.interests import Anchor, Interest, interests_of
from recsys.versions import Target
from recsys.view import View
from training.errors import NotFound
from training.histories import approval

_UNDATED = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Profile:
    """What is known of a person.

    Attributes:
        user_id: who; empty for an anonymous session.
        anchors: the latest posts that speak for them, latest first.
        seen: ids of posts never to be recommended: own, or reacted to in any way.
        vector: (D,) float32 unit; None for a person without a learned vector and without anchors.
        query: (D,) the same as it asks for posts (`View.aimed`).
        anchor_queries: (A, D) the anchors' vectors as they ask for posts.
        interests: groups of like anchors, the weightiest first.
        interest_queries: (I, D) the interests' vectors as they ask for posts.
        reactions: all that they did, latest first.
        boundaries: whom and what they want to see nothing of.
    """

    user_id: str
    anchors: tuple[Anchor, ...]
    seen: frozenset[str]
    vector: np.ndarray | None
    query: np.ndarray | None
    anchor_queries: np.ndarray
    interests: tuple[Interest, ...] = ()
    interest_queries: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    reactions: tuple[Reaction, ...] = ()
    boundaries: Boundaries = field(default_factory=Boundaries)

    @property
    def known(self) -> bool:
        """Whether anything speaks for what they like."""
        return self.vector is not None or bool(self.anchors)

    @cached_property
    def tags(self) -> Counter[str]:
        """How many anchors bear each tag."""
        return Counter(tag for anchor in self.anchors for tag in dict.fromkeys(anchor.post.tags))


def profile_of(user_id: str, events: Events, view: View, config: RecommendConfig) -> Profile:
    """Read a person's profile.

    The vector is the one that the model gave them. Someone who came after the index was built is
    folded in as the weighted mean of their anchors, without the model.

    Args:
        user_id: a known person.
        events: own posts and reactions.
        view: vectors.
        config: what counts how much, and how many posts are looked at.
    """
    own = events.posts_of(user_id)
    reactions = events.reactions_of(user_id)
    dated: dict[str, tuple[datetime, float]] = {}
    for reaction in reactions:
        weight = approval(reaction.kind, reaction.value, config.history)
        if weight > dated.get(reaction.post_id, (_UNDATED, 0.0))[1]:
            dated[reaction.post_id] = (reaction.created_at or _UNDATED, weight)
    liked = events.posts(dated)
    posts = {post.post_id: post for post in (*liked.values(), *own)}
    for post in own:
        weight = max(config.history.own, dated.get(post.post_id, (_UNDATED, 0.0))[1])
        dated[post.post_id] = (post.created_at or _UNDATED, weight)
    speaking = [
        post_id for post_id, post in posts.items() if not post.private and dated[post_id][1] > 0
    ]
    latest = sorted(sorted(speaking), key=lambda post_id: dated[post_id][0], reverse=True)
    anchors = tuple(
        Anchor(posts[id], posts[id].user_id == user_id, dated[id][1], found)
        for id, found in _indexed(latest, view, config.anchors).items()
    )
    vector = view.recent(Target.USERS, [user_id]).get(user_id)
    if vector is None:
        vector = _folded_in(anchors)
    boundaries = events.boundaries.of(user_id)
    seen = frozenset(post.post_id for post in own) | {one.post_id for one in reactions}
    profile = _profile(user_id, anchors, seen | boundaries.hidden, vector, view, config)
    return replace(profile, reactions=tuple(reactions), boundaries=boundaries)


def profile_of_session(
    liked: Sequence[str], seen: Sequence[str], events: Events, view: View, config: RecommendConfig
) -> Profile:
    """Someone without an account, known by the posts that they liked, the latest last.

    Raises: NotFound if none of the posts is there.
    """
    posts = events.posts(liked)
    public = [id for id in dict.fromkeys(reversed(liked)) if id in posts and not posts[id].private]
    if not public:
        raise NotFound(f"no post {liked[0]!r:.140}", hint="give ids of public posts")
    anchors = tuple(
        Anchor(posts[id], False, 1.0, vector)
        for id, vector in _indexed(public, view, config.anchors).items()
    )
    seen_here = frozenset(liked) | frozenset(seen)
    profile = _profile("", anchors, seen_here, _folded_in(anchors), view, config)
    kind = max(config.history.kinds, key=config.history.kinds.__getitem__, default="like")
    done = tuple(Reaction("", post_id, kind) for post_id in public)
    return replace(profile, reactions=done)


def _profile(
    user_id: str,
    anchors: tuple[Anchor, ...],
    seen: frozenset[str],
    vector: np.ndarray | None,
    view: View,
    config: RecommendConfig,
) -> Profile:
    interests = interests_of(anchors, config.interests)
    centres = np.array([one.vector for one in interests]).reshape(-1, view.dimension)
    rows = np.array([anchor.vector for anchor in anchors]).reshape(-1, view.dimension)
    return Profile(
        user_id=user_id,
        anchors=anchors,
        seen=seen,
        vector=vector,
        query=None if vector is None else view.aimed(vector[None], Target.USERS, Target.POSTS)[0],
        anchor_queries=view.aimed(rows, Target.POSTS, Target.POSTS),
        interests=interests,
        interest_queries=view.aimed(centres, Target.POSTS, Target.POSTS),
    )


def _indexed(latest: Sequence[str], view: View, most: int) -> dict[str, np.ndarray]:
    """Vectors of the first `most` posts that are indexed; the very latest may not be, yet."""
    found: dict[str, np.ndarray] = {}
    for start in range(0, len(latest), most):
        part = latest[start : start + most]
        vectors = view.recent(Target.POSTS, part)
        found |= {post_id: vectors[post_id] for post_id in part if post_id in vectors}
        if len(found) >= most:
            break
    return dict(islice(found.items(), most))


def _folded_in(anchors: tuple[Anchor, ...]) -> np.ndarray | None:
    """The direction of the weighted mean; of anchors that cancel out, the latest."""
    if not anchors:
        return None
    mean = np.sum([anchor.weight * anchor.vector for anchor in anchors], axis=0)
    length = float(np.linalg.norm(mean))
    return (mean / length).astype(np.float32) if length > 1e-6 else anchors[0].vector
