"""What the event database holds, as values."""

import re
from dataclasses import dataclass
from datetime import datetime

_TITLE_LENGTH = 80


@dataclass(frozen=True)
class Post:
    """A post without its picture.

    Attributes:
        post_id: its id.
        user_id: its author's.
        text: what it says, if anything.
        tags: in the author's order.
        created_at: with time zone; None if unknown.
        language: as the source named it.
        private: for its author's eyes only: in no index and in no answer.
        image_hash: of the picture's content; equal for equal pictures, None without one.
        category: a label that its author or the network gave it.
    """

    post_id: str
    user_id: str
    text: str | None = None
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    language: str | None = None
    private: bool = False
    image_hash: str | None = None
    category: str | None = None

    @property
    def title(self) -> str:
        """The first sentence or line of the text, at most 80 characters; the id without a text."""
        first = re.split(r"(?<=\w)[.!?]\s|\n", (self.text or "").strip(), maxsplit=1)[0].strip()
        if len(first) > _TITLE_LENGTH:
            first = first[: _TITLE_LENGTH - 1].rstrip() + "…"
        return first or self.post_id


@dataclass(frozen=True)
class Reaction:
    """Someone did something with a post.

    Attributes:
        user_id: who.
        post_id: with which post.
        kind: what, for example "like".
        value: how much, for kinds that have an amount.
        created_at: when, with time zone; None if unknown.
    """

    user_id: str
    post_id: str
    kind: str
    value: float | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class Person:
    """Someone who posts or reacts.

    Attributes:
        user_id: their id.
        profile: what they say about themselves, if anything.
        image_hash: of their profile picture's content, if they have one.
    """

    user_id: str
    profile: str | None = None
    image_hash: str | None = None
