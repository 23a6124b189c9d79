"""Posts as the event database holds them, with pictures, and embedded as they are now."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys.events.database import Events
from recsys.events.records import Post
from recsys.versions import Target

if TYPE_CHECKING:
    from training.space import RawPost, Space
    from training.towers import Towers

AT_ONCE = 64
"""Posts whose pictures are in memory at the same time."""


def stored_posts(
    post_ids: Sequence[str], events: Events
) -> Iterator[tuple[list[Post], "list[RawPost]"]]:
    """Posts and what they hold, some at a time.

    A post whose picture isn't stored counts by its text; one that holds nothing, or that is
    private, is left out.
    """
    from training.space import RawPost

    for start in range(0, len(post_ids), AT_ONCE):
        posts = list(events.posts(post_ids[start : start + AT_ONCE]).values())
        pictures = events.pictures([post.image_hash for post in posts if post.image_hash])
        held = []
        for post in posts:
            picture = pictures.get(post.image_hash or "")
            if not post.private and (picture or post.text):
                held.append((post, RawPost(post.text or None, picture.data if picture else None)))
        yield [post for post, _ in held], [raw for _, raw in held]


def encodes(space: "Towers") -> bool:
    """Whether a space reads contents; towers by themselves only read features."""
    return hasattr(space, "features")


def embedded(space: "Space", posts: "Sequence[RawPost]") -> dict[Target, np.ndarray]:
    """(n, D) unit rows of posts, images and texts; a row of NaN where a post has none."""
    features = space.features(posts)
    whole = space.embed_posts(features)
    found = {Target.POSTS: whole}
    for target, there, make, content in (
        (Target.IMAGES, features.has_image, space.embed_images, features.image),
        (Target.TEXTS, features.has_text, space.embed_texts, features.text),
    ):
        found[target] = np.full_like(whole, np.nan)
        if there.any():
            found[target][there.numpy()] = make(content[there])
    return found
