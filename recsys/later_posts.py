"""Posts that came after the data, by the API: encoded from the event database, which holds them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from recsys.events.database import Events
from recsys.events.records import Post

if TYPE_CHECKING:
    from training.features import FeatureTable
    from training.modalities import PostFeatures
    from training.space import RawPost, Space

_AT_ONCE = 64
"""Pictures that are in memory at the same time."""


def with_later_posts(
    space: "Space",
    features: "FeatureTable",
    events: Events,
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> "FeatureTable":
    """The table, and after its rows those public posts of the event database that it lacks.

    A post whose picture isn't stored counts by its text; one with neither is left out.

    Args:
        space: whose encoders made the features.
        features: of the posts of the data.
        events: all posts, and what they show.
        progress: called with `posts`, how many are encoded, and how many have to be.
    """
    known = set(features.post_ids.tolist())
    public = (post_id for post_id, shown in events.visibility().items() if shown)
    later = sorted(post_id for post_id in public if post_id not in known)
    parts, ids, authors, done = [features.posts], [], [], 0
    for posts, raw in _stored(later, events):
        if raw:
            parts.append(space.features(raw))
            ids += [post.post_id for post in posts]
            authors += [post.user_id for post in posts]
        done = min(done + _AT_ONCE, len(later))
        if progress:
            progress("posts", done, len(later))
    if not ids:
        return features
    return replace(
        features,
        post_ids=np.concatenate([features.post_ids, np.array(ids)]),
        user_ids=np.concatenate([features.user_ids, np.array(authors)]),
        posts=_joined(parts),
    )


def _stored(
    post_ids: Sequence[str], events: Events
) -> Iterator[tuple[list[Post], "list[RawPost]"]]:
    """Posts and what they hold, some at a time; those that hold nothing are left out."""
    from training.space import RawPost

    for start in range(0, len(post_ids), _AT_ONCE):
        posts = list(events.posts(post_ids[start : start + _AT_ONCE]).values())
        pictures = events.pictures([post.image_hash for post in posts if post.image_hash])
        held = []
        for post in posts:
            picture = pictures.get(post.image_hash or "")
            if picture or post.text:
                held.append((post, RawPost(post.text or None, picture.data if picture else None)))
        yield [post for post, _ in held], [raw for _, raw in held]


def _joined(parts: "Sequence[PostFeatures]") -> "PostFeatures":
    import torch

    from training.modalities import PostFeatures

    return PostFeatures(
        image=torch.cat([part.image for part in parts]),
        has_image=torch.cat([part.has_image for part in parts]),
        text=torch.cat([part.text for part in parts]),
        has_text=torch.cat([part.has_text for part in parts]),
    )
