"""`PUT /v1/posts/{id}`, `POST /v1/reactions` and the deletions."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from serving.wire.answers import PostView
from serving.wire.fields import (
    BATCH,
    Cursor,
    Image,
    Kind,
    Language,
    Limit,
    Message,
    Moment,
    PostId,
    Tag,
    Text,
    UserId,
    any_of,
)


class PostWrite(Message):
    """A post as its author writes it; of text and image one at least."""

    model_config = ConfigDict(json_schema_extra=any_of("text", "image"))

    user_id: UserId
    text: Text | None = None
    image: Image | None = None
    tags: Annotated[list[Tag], Field(max_length=50)] = []
    created_at: Moment | None = None
    """When it was written; the time of the request if null."""
    language: Language | None = None
    private: bool = False
    """For its author alone: in no index and in no answer."""

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if self.text is None and self.image is None:
            raise ValueError("a post needs a text or an image")
        return self


class PostWritten(Message):
    """Acknowledged: it is on disk and can be found."""

    post: PostView
    created: bool
    """False if it was there and was replaced."""
    model_version: str | None = None
    """Of the index that it is in; null for a private post."""


class ReactionWrite(Message):
    """Someone did something with a post."""

    user_id: UserId
    post_id: PostId
    kind: Kind
    """`like`, `hide` or any other word; the settings say how much each counts."""
    value: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None
    created_at: Moment | None = None
    """When; the time of the request if null."""
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")] | None = None
    """Sent twice with the same key, it counts once; without one, who, what, how and when decide."""


class ReactionsRequest(Message):
    """Reactions to record."""

    reactions: Annotated[list[ReactionWrite], Field(min_length=1, max_length=BATCH)]


class ReactionsWritten(Message):
    """Acknowledged: they are on disk and count in the next answer."""

    recorded: int
    repeated: int
    """Were there already."""
    refused: int
    """Of people or to posts that were deleted for good."""


class SessionRequest(Message):
    """An anonymous session: what someone without an account liked so far."""

    liked: Annotated[list[PostId], Field(min_length=1, max_length=BATCH)]
    seen: Annotated[list[PostId], Field(max_length=1000)] = []
    """Not to be recommended again, beside those liked."""
    limit: Limit = 20
    cursor: Cursor | None = None


class Receipt(Message):
    """What a deletion took away."""

    deleted: str
    posts: list[str]
    """Ids of the posts that are gone."""
    reactions: int
    """How many reactions went with them."""
