"""People of whom only a profile is known: placed by what they say and show of themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys.events.database import Events
from recsys.events.records import Person
from recsys.marks import content_mark
from recsys.stored import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.space import RawPost, Space


def place_of_profile(
    space: "Space", text: str | None = None, image: bytes | None = None
) -> np.ndarray | None:
    """Where a person belongs by their profile alone.

    To the model a profile is a history of one post: the same towers and the same mean that place
    people by their posts, so that the two can be compared.

    Args:
        space: the model.
        text: of the profile.
        image: encoded profile picture.
    Returns: (D,) float32 unit; None if there is neither, or the model places nobody without an id.
    Raises: BadData for a picture that can't be read.
    """
    from training.space import RawPost

    if not text and image is None:
        return None
    return places_of_profiles(space, [RawPost(text or None, image)])[0]


def places_of_profiles(space: "Space", profiles: "Sequence[RawPost]") -> list[np.ndarray | None]:
    """As `place_of_profile`, of n profiles, each with a text or a picture."""
    import torch

    from training.errors import NotFound
    from training.modalities import History

    people = len(profiles)
    history = History(space.features(profiles), torch.arange(people), torch.ones(people), people)
    try:
        return list(space.embed_users(history, [None] * people))
    except NotFound:  # such a model has no use for content; it tells so of all alike
        return [None] * people


def stored_profiles(
    user_ids: Sequence[str], events: Events
) -> "Iterator[tuple[list[Person], list[RawPost]]]":
    """People and their profiles as posts, some at a time; those without any are left out."""
    from training.space import RawPost

    for start in range(0, len(user_ids), AT_ONCE):
        people = events.profiles(user_ids[start : start + AT_ONCE]).values()
        pictures = events.pictures([one.image_hash for one in people if one.image_hash])
        found = []
        for person in people:
            picture = pictures.get(person.image_hash or "")
            if person.profile or picture:
                image = picture.data if picture else None
                found.append((person, RawPost(person.profile or None, image)))
        yield [person for person, _ in found], [profile for _, profile in found]


def profile_mark(person: Person) -> int:
    """By what a place that was made of a profile is told from that of an older one."""
    return content_mark(person.profile, person.image_hash)
