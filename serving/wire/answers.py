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
    """All causes, each with its part of the score; a part below 0 speaks against the post."""
    sources: list[str]
    propensity: float = 1.0
    """How likely it was that its place shows it, above 0 and at most 1."""
    explored: bool = False
    """Whether it is there because it is new, to learn who likes it."""
    probabilities: dict[str, float] = {}
    """Of what the person may do with it, by kind of reaction; empty where no model tells."""


class SimilarUserView(Message):
    """A person like another."""

    user_id: str
    score: float
    reasons: list[ReasonView]
    interest: str | None = None
    """Name of the interest that both share most; null if none has a name."""
    posts: list[PostView] = []
    """Some public posts of theirs, those most to the person's taste first, then the latest."""


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
    request_id: str | None = None
    """Of this answer, by which the log of what was shown names it; another one each time."""
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
