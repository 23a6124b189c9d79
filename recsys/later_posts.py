"""Posts that came after the data, by the API: encoded from the event database, which holds them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from recsys.events.database import Events
from recsys.id_places import IdPlaces
from recsys.marks import content_mark
from recsys.stored import AT_ONCE, stored_posts

if TYPE_CHECKING:
    from training.features import FeatureTable
    from training.modalities import PostFeatures
    from training.space import Space


def with_later_posts(
    space: "Space",
    features: "FeatureTable",
    events: Events,
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> "tuple[FeatureTable, dict[str, int]]":
    """The table, and after its rows those public posts of the event database that it lacks.

    A post whose picture isn't stored counts by its text; one with neither is left out.

    Args:
        space: whose encoders made the features.
        features: of the posts of the data.
        events: all posts, and what they show.
        progress: called with `posts`, how many are encoded, and how many have to be.
    Returns: the table; and marks of the content that was encoded, by id of the later posts.
    """
    known = IdPlaces.of(features.post_ids)
    later: list[str] = []
    for page in events.visibility_pages():
        ids = [post_id for post_id, shown in page if shown]
        found = known.find(ids).tolist()
        later += [post_id for post_id, place in zip(ids, found, strict=True) if place < 0]
    parts, ids, authors, done = [features.posts], [], [], 0
    contents: dict[str, int] = {}
    for posts, raw in stored_posts(later, events):
        if raw:
            parts.append(space.features(raw))
            ids += [post.post_id for post in posts]
            authors += [post.user_id for post in posts]
            for post, content in zip(posts, raw, strict=True):
                image_hash = post.image_hash if content.image else None
                contents[post.post_id] = content_mark(post.text, image_hash)
        done = min(done + AT_ONCE, len(later))
        if progress:
            progress("posts", done, len(later))
    if not ids:
        return features, contents
    table = replace(
        features,
        post_ids=np.concatenate([features.post_ids, np.array(ids)]),
        user_ids=np.concatenate([features.user_ids, np.array(authors)]),
        posts=_joined(parts),
    )
    return table, contents


def no_posts(space: "Space") -> "FeatureTable":
    """A table without rows: what `with_later_posts` begins with where the database is all."""
    from training.features import FeatureTable

    nobody = np.array([], dtype=np.str_)
    return FeatureTable(nobody, nobody, space.features([]), computed=0, reused=0)


def _joined(parts: "Sequence[PostFeatures]") -> "PostFeatures":
    import torch

    from training.modalities import PostFeatures

    return PostFeatures(
        image=torch.cat([part.image for part in parts]),
        has_image=torch.cat([part.has_image for part in parts]),
        text=torch.cat([part.text for part in parts]),
        has_text=torch.cat([part.has_text for part in parts]),
    )
