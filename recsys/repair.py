"""Mending what differs between a version of the index and the event database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recsys.drift import Drift, drift, remove_extra
from recsys.events.database import Events
from recsys.live import put_posts
from recsys.stored import AT_ONCE, embedded, stored_posts
from recsys.vectors import VectorStore
from recsys.versions import Target, Version
from training.errors import Conflict

if TYPE_CHECKING:
    from training.space import Space

_OF_POSTS = (Target.POSTS, Target.IMAGES, Target.TEXTS)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Verification:
    """A version of the index held against the event database.

    Attributes:
        version: of the index.
        dimensions: of the vectors of each collection; equal, if all is well.
        counts: rows by target, as Milvus counts them.
        listed: rows by target, as they are listed.
        marked: False for an index of an older release, compared by ids only.
        drift: what differs.
    """

    version: Version
    dimensions: dict[Target, int]
    counts: dict[Target, int]
    listed: dict[Target, int]
    marked: bool
    drift: Drift

    @property
    def faults(self) -> tuple[str, ...]:
        """What only a new build can mend."""
        found = []
        if len(set(self.dimensions.values())) > 1:
            each = ", ".join(f"{name} {size}" for name, size in self.dimensions.items())
            found.append(f"its collections have different dimensions: {each}")
        for target, count in self.counts.items():
            if count != self.listed[target]:
                found.append(f"Milvus counts {count} {target} and lists {self.listed[target]}")
        return tuple(found)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.drift and not self.faults


def verify(events: Events, store: VectorStore, version: Version) -> Verification:
    """Compare a version with the event database: ids, contents, fields, counts and dimensions.

    While a service writes, a post of this very moment may be told as missing.

    Raises: Vanished if the version was dropped.
    """
    view = store.open(version)
    return Verification(
        version=version,
        dimensions=view.dimensions(),
        counts={target: view.count(target) for target in Target},
        listed={target: sum(map(len, view.ids(target))) for target in Target},
        marked=view.marked,
        drift=drift(events, view, deep=True),
    )


def repair(
    found: Drift,
    events: Events,
    store: VectorStore,
    version: Version,
    space: "Callable[[], Space]",
    *,
    progress: Progress | None = None,
) -> None:
    """Mend a version of the index. What is too many goes first, and needs no model.

    The caller is the only writer of the index.

    Args:
        found: what differs.
        events: the truth.
        store: the index.
        version: which; extra rows go from every version.
        space: gives the model that the version was made with; called only if a post must be
            embedded.
        progress: called with `posts`, how many are mended, and how many have to be.
    Raises: Conflict if the model's vectors are of another dimension; Vanished.
    """
    remove_extra(found, store)
    label(found.mislabelled, events, store, version)
    ids = found.to_embed
    if not ids:
        return
    model, dimension = space(), store.open(version).dimension
    if model.dimension != dimension:
        raise Conflict(
            f"{version} has {dimension} dimensions, its model {model.dimension}",
            hint="build the index again: `commonspace index`",
        )
    done = 0
    for posts, raw in stored_posts(ids, events):
        if posts:
            put_posts(events, store, version, posts, embedded(model, raw))
        done = min(done + AT_ONCE, len(ids))
        if progress:
            progress("posts", done, len(ids))


def label(ids: Sequence[str], events: Events, store: VectorStore, version: Version) -> None:
    """Write posts again with the vectors that they have, and what they are filtered by now."""
    view = store.open(version)
    for start in range(0, len(ids), AT_ONCE):
        part = ids[start : start + AT_ONCE]
        posts = [post for post in events.posts(part).values() if not post.private]
        if not posts:
            continue
        vectors = {target: view.fetch(target, part) for target in _OF_POSTS}
        nothing = np.full(view.dimension, np.nan, np.float32)
        rows = {
            target: np.stack([found.get(post.post_id, nothing) for post in posts])
            for target, found in vectors.items()
        }
        store.put(version, posts, rows)
