"""`POST /v1/search`."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from serving.wire.fields import (
    Category,
    Cursor,
    Image,
    Language,
    Limit,
    Message,
    Moment,
    PostId,
    Tag,
    Text,
    UserId,
    one_of,
)

Target = Literal["users", "images", "texts", "posts"]


class Filters(Message):
    """Conditions on posts; all must hold. They say nothing about people."""

    authors: Annotated[list[UserId], Field(max_length=100)] = []
    """Posts by one of these; any, if empty."""
    not_authors: Annotated[list[UserId], Field(max_length=100)] = []
    languages: Annotated[list[Language], Field(max_length=20)] = []
    created_after: Moment | None = None
    created_before: Moment | None = None
    tags: Annotated[list[Tag], Field(max_length=20)] = []
    """Posts with one of these at least; any, if empty."""
    not_tags: Annotated[list[Tag], Field(max_length=100)] = []
    """Posts with none of these."""
    categories: Annotated[list[Category], Field(max_length=20)] = []
    """Posts in one of these; in any or none, if empty."""


class QueryPart(Message):
    """One thing to look for; exactly one of `text`, `image`, `user_id` and `post_id`."""

    model_config = ConfigDict(json_schema_extra=one_of("text", "image", "user_id", "post_id"))

    text: Text | None = None
    image: Image | None = None
    user_id: UserId | None = None
    post_id: PostId | None = None
    weight: Annotated[float, Field(ge=-1, le=1)] = 1.0
    """Its share in the mix; below 0: away from it."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = (self.text, self.image, self.user_id, self.post_id)
        if sum(value is not None for value in given) != 1:
            raise ValueError("needs exactly one of text, image, user_id and post_id")
        return self


class SearchRequest(Message):
    """Find what is near a text, a picture, a person, a post, or a mix of them."""

    query: Annotated[list[QueryPart], Field(min_length=1, max_length=8)]
    target: Target = "posts"
    filters: Filters = Filters()
    limit: Limit = 20
    cursor: Cursor | None = None
