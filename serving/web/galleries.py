"""People as a few of their pictures."""

from dataclasses import dataclass

from serving.backend import Backend
from serving.wire.answers import PostView
from training.errors import NotFound

_LOOKED_AT = 8
"""Latest posts among which those with pictures are chosen."""


@dataclass(frozen=True)
class Portrait:
    """A person as others see them.

    Attributes:
        user_id: who.
        posts: some public posts of theirs.
        count: how many public posts they have; None if nobody asked.
    """

    user_id: str
    posts: list[PostView]
    count: int | None = None


async def portrait(backend: Backend, user_id: str) -> Portrait:
    """Of a person; without posts if they were deleted a moment ago."""
    try:
        return Portrait(user_id, await backend.posts_of(user_id, _LOOKED_AT))
    except NotFound:
        return Portrait(user_id, [])
