"""Answers of the recommender as they go over the wire."""

from collections.abc import Mapping
from urllib.parse import quote

from recsys.answers import Hit, Reason, Recommendation, SimilarUser
from recsys.events.records import Post
from serving.wire.answers import (
    HitView,
    PostView,
    ReasonView,
    RecommendationView,
    SimilarUserView,
)


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
    )


def similar_view(found: SimilarUser, posts: list[Post]) -> SimilarUserView:
    """A person with some of their posts."""
    return SimilarUserView(
        user_id=found.user_id,
        score=found.score,
        reasons=[_reason(reason) for reason in found.reasons],
        posts=[post_view(post) for post in posts],
    )


def hit_view(found: Hit, posts: Mapping[str, Post]) -> HitView:
    """What a search found; of a person there is no post."""
    post = posts.get(found.id)
    return HitView(id=found.id, score=found.score, post=post_view(post) if post else None)


def _reason(reason: Reason) -> ReasonView:
    return ReasonView(
        kind=reason.kind.value,
        text=reason.text,
        contribution=reason.contribution,
        posts=list(reason.posts),
    )
