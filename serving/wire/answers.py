"""What the recommender says, as JSON."""

from datetime import datetime

from serving.wire.fields import Message


class PostView(Message):
    """A post as others see it."""

    post_id: str
    user_id: str
    title: str
    text: str | None = None
    tags: list[str] = []
    language: str | None = None
    created_at: datetime | None = None
    image_url: str | None = None
    """Path of its picture on this server; null without one."""


class Posts(Message):
    """Some public posts, the latest first."""

    items: list[PostView]


class ReasonView(Message):
    """One true cause of an answer."""

    kind: str
    text: str
    contribution: float
    posts: list[str] = []


class RecommendationView(Message):
    """A post for a person."""

    post: PostView
    score: float
    """The list falls by it; the contributions of the reasons sum to it."""
    reasons: list[ReasonView]
    sources: list[str]


class SimilarUserView(Message):
    """A person like another."""

    user_id: str
    score: float
    reasons: list[ReasonView]
    posts: list[PostView] = []
    """Some public posts of theirs, the latest first."""


class HitView(Message):
    """Something that a search found."""

    id: str
    score: float
    post: PostView | None = None
    """Of an image, a text or a post; null for a person."""


class Recommendations(Message):
    """A page of recommendations."""

    model_version: str
    fallback: bool = False
    """True where nothing is known of the person: popular and fresh posts."""
    items: list[RecommendationView]
    next_cursor: str | None = None


class SimilarUsers(Message):
    """A page of people."""

    model_version: str
    items: list[SimilarUserView]
    next_cursor: str | None = None


class Hits(Message):
    """A page of what a search found."""

    model_version: str
    items: list[HitView]
    next_cursor: str | None = None


class UserView(Message):
    """A person in a list of people."""

    user_id: str
    posts: int
    """How many public posts they have."""


class Users(Message):
    """A page of people, those with most posts first."""

    items: list[UserView]
    next_cursor: str | None = None
