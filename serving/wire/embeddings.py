"""`POST /v1/embeddings/…`."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from serving.wire.fields import BATCH, Image, Message, Text, UserId, any_of


class TextsRequest(Message):
    """Texts to embed."""

    texts: Annotated[list[Text], Field(min_length=1, max_length=BATCH)]


class ImagesRequest(Message):
    """Pictures to embed."""

    images: Annotated[list[Image], Field(min_length=1, max_length=BATCH)]


class HistoryPost(Message):
    """A post that someone wrote or liked; of text and image one at least."""

    model_config = ConfigDict(json_schema_extra=any_of("text", "image"))

    text: Text | None = None
    image: Image | None = None
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """How much it counts beside the others."""

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if self.text is None and self.image is None:
            raise ValueError("needs a text or an image")
        return self


class UserContent(Message):
    """A person: one whom the model knows by id, or a stranger by what they wrote and liked."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                *any_of("user_id")["anyOf"],
                {"required": ["posts"], "properties": {"posts": {"minItems": 1}}},
            ]
        }
    )

    user_id: UserId | None = None
    posts: Annotated[list[HistoryPost], Field(max_length=BATCH)] = []

    @model_validator(mode="after")
    def _names_someone(self) -> Self:
        if self.user_id is None and not self.posts:
            raise ValueError("needs a user_id or posts")
        return self


class UsersRequest(Message):
    """People to embed."""

    users: Annotated[list[UserContent], Field(min_length=1, max_length=BATCH)]


class Embeddings(Message):
    """Unit vectors in one space; the cosine of two is their dot product."""

    model_version: str
    """Vectors of different versions have nothing to say to each other."""
    dimension: int
    embeddings: list[list[float]]
    """One row per content that was sent, in the same order."""
