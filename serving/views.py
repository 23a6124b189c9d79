"""Answers of the recommender as they go over the wire."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from recsys.answers import Hit, Reason, Recommendation, SimilarUser
from recsys.events.boundaries import Boundaries
from recsys.events.database import Events
from recsys.events.records import Post
from serving.wire.answers import (
    HitView,
    PostView,
    ReasonView,
    RecommendationView,
    SimilarUserView,
)
from serving.wire.people import BoundariesView


def post_view(post: Post) -> PostView:
    """A public post."""
    return PostView(
        post_id=post.post_id,
        user_id=post.user_id,
        title=post.title,
        text=post.text,
        tags=list(post.tags),
        language=post.language,
        created_at=post.created_at,
        image_url=f"/v1/posts/{quote(post.post_id)}/image" if post.image_hash else None,
    )


def recommendation_view(found: Recommendation, post: Post) -> RecommendationView:
    """A recommendation with its post."""
    return RecommendationView(
        post=post_view(post),
        score=found.score,
        reasons=[_reason(reason) for reason in found.reasons],
        sources=list(found.sources),
        propensity=found.propensity,
        explored=found.explored,
        probabilities=dict(found.probabilities),
    )


def similar_views(found: Sequence[SimilarUser], events: Events, most: int) -> list[SimilarUserView]:
    """People, each with a few public posts: those to the asker's taste, then their latest."""
    latest = events.public_posts_of([one.user_id for one in found], most)
    chosen = events.posts([post_id for one in found for post_id in one.posts])
    views = []
    for one in found:
        named = [chosen[post_id] for post_id in one.posts if post_id in chosen]
        posts = {post.post_id: post for post in (*named, *latest[one.user_id])}
        shown = [post for post in posts.values() if not post.private][:most]
        views.append(_similar_view(one, shown))
    return views


def hit_view(found: Hit, posts: Mapping[str, Post]) -> HitView:
    """What a search found; of a person there is no post."""
    post = posts.get(found.id)
    return HitView(id=found.id, score=found.score, post=post_view(post) if post else None)


def boundaries_view(found: Boundaries) -> BoundariesView:
    """A person's own boundaries; who blocked them is none of their business."""
    return BoundariesView(
        muted_authors=sorted(found.muted_authors),
        muted_tags=sorted(found.muted_tags),
        blocked=sorted(found.blocked),
        hidden=sorted(found.hidden),
    )


def _similar_view(found: SimilarUser, posts: Sequence[Post]) -> SimilarUserView:
    return SimilarUserView(
        user_id=found.user_id,
        score=found.score,
        reasons=[_reason(reason) for reason in found.reasons],
        interest=found.interest,
        posts=[post_view(post) for post in posts],
    )


def _reason(reason: Reason) -> ReasonView:
    return ReasonView(
        kind=reason.kind.value,
        text=reason.text,
        contribution=reason.contribution,
        posts=list(reason.posts),
    )
