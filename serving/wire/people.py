"""People: what they say of themselves, and what they keep away."""

from typing import Literal

from serving.wire.fields import Message, Text

BoundaryName = Literal["muted_author", "muted_tag", "blocked", "hidden"]


class UserWrite(Message):
    """What a person says about themselves."""

    profile: Text
    """By which someone who has neither posted nor reacted is placed among the others."""


class UserWritten(Message):
    """Acknowledged: it is on disk."""

    user_id: str
    created: bool
    """False if they were known and what they say was replaced."""


class BoundariesView(Message):
    """What a person wants to see no more, and whom they want to have nothing to do with."""

    muted_authors: list[str] = []
    """Ids of people whose posts aren't recommended to them."""
    muted_tags: list[str] = []
    """Posts with one of these aren't recommended to them."""
    blocked: list[str] = []
    """Ids of people who are kept from them, and they from those."""
    hidden: list[str] = []
    """Ids of posts that aren't recommended to them."""


class BoundaryChanged(Message):
    """Acknowledged: it counts in the next answer."""

    kind: BoundaryName
    target: str
    """Id of the person or post, or the tag."""
    changed: bool
    """False if it was so already."""
