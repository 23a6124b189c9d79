"""The network that is evaluated on: posts with features, and everything that people did to them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from recsys.events.records import Post
from training.modalities import PostFeatures
from training.reactions.events import MICROSECONDS_A_DAY, Events, read_events

if TYPE_CHECKING:
    from training.data.clean import CleanData
    from training.features import FeatureTable

_COLUMNS = (
    *("post_id", "user_id", "text", "tags", "created_at"),
    *("language", "private", "category", "image_hash"),
)


@dataclass(frozen=True)
class Network:
    """N public posts and the reactions to them, from the first to the last.

    Attributes:
        posts: the N posts.
        categories: of each post; empty where unknown. Labels for measuring, no contender sees them.
        born: (N,) days since 1970 on which each post was written; -inf where unknown, for a post
            that has always been there.
        features: of the N posts; a width of 0 for what wasn't encoded.
        events: the reactions; its rows of posts are those of `posts`.
    """

    posts: tuple[Post, ...]
    categories: tuple[tuple[str, ...], ...]
    born: np.ndarray
    features: PostFeatures
    events: Events

    def __len__(self) -> int:
        return len(self.posts)


def read_network(data: "CleanData", features: "FeatureTable") -> Network:
    """The public part of clean data with its features."""
    import torch

    table = data.posts(list(_COLUMNS))
    public = np.flatnonzero(~table["private"].to_numpy(zero_copy_only=False))
    table = table.take(pa.array(public))
    born = table["created_at"].cast("int64").fill_null(-1).to_numpy().astype(np.float64)
    rows = table.to_pylist()
    posts = tuple(_post(row) for row in rows)
    return Network(
        posts=posts,
        categories=tuple(_categories(row["category"]) for row in rows),
        born=np.where(born < 0, -np.inf, born / MICROSECONDS_A_DAY),
        features=features.posts[torch.from_numpy(public)],
        events=read_events(data.reactions(), [post.post_id for post in posts]),
    )


def _post(row: dict) -> Post:
    fields = {name: row[name] for name in _COLUMNS if name not in ("category", "tags")}
    return Post(**fields, tags=tuple(row["tags"] or ()))


def _categories(label: str | None) -> tuple[str, ...]:
    """One category, or several with a bar between them, as films have genres."""
    return tuple(name for name in (label or "").split("|") if name)
