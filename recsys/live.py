"""Keeping a live index true to the event database, between one building and the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.erase import remove_posts
from recsys.events.database import Events
from recsys.events.records import Post
from recsys.vectors import VectorStore
from recsys.versions import Target, Version
from recsys.view import View


@dataclass(frozen=True)
class Drift:
    """How an index differs from the event database.

    Attributes:
        missing: ids of public posts that it lacks, or has as they were before the last writing.
        extra: ids of posts that it holds and that may be shown to nobody, or are no more.
        strangers: ids of people that it holds and that are no more.
    """

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    strangers: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.strangers)


def drift(events: Events, view: View) -> Drift:
    """Compare a version of the index with the event database, by ids. Raises: Vanished."""
    visible = events.visibility()
    extra: set[str] = set()
    indexed: set[str] = set()
    for target in (Target.POSTS, Target.IMAGES, Target.TEXTS):
        for ids in view.ids(target):
            extra.update(id for id in ids if not visible.get(id, False))
            if target is Target.POSTS:
                indexed.update(ids)
    strangers: set[str] = set()
    for ids in view.ids(Target.USERS):
        strangers.update(set(ids) - events.known(ids))
    outdated = events.unindexed()
    missing = (
        id for id, public in visible.items() if public and (id not in indexed or id in outdated)
    )
    return Drift(tuple(sorted(missing)), tuple(sorted(extra)), tuple(sorted(strangers)))


def remove_extra(found: Drift, store: VectorStore) -> None:
    """Take what may not be there out of every version of the index."""
    if found.extra:
        remove_posts(store, list(found.extra))
    if found.strangers:
        store.remove(Target.USERS, found.strangers)


def put_posts(
    events: Events,
    store: VectorStore,
    version: Version,
    posts: Sequence[Post],
    vectors: Mapping[Target, np.ndarray],
) -> None:
    """Write posts into the index, but those that were deleted, hidden or written over meanwhile.

    Of two who write the same post at the same time, the database's last one is indexed last. Other
    versions lose it: they hold it as it was before, and `drift` finds it missing there.

    Args:
        events: the truth, which has the posts already.
        store: the index; this process is its only writer.
        version: of the index, whose model embedded the posts.
        posts: n posts.
        vectors: see `VectorStore.put`.
    Raises: BadData for a broken vector; Vanished if the version was dropped.
    """
    ids = [post.post_id for post in posts]
    marks = events.unindexed(ids)
    before = events.posts(ids)
    current = np.array([before.get(post.post_id) == post and not post.private for post in posts])
    if current.any():
        chosen = [post for post, is_current in zip(posts, current, strict=True) if is_current]
        store.put(version, chosen, {target: rows[current] for target, rows in vectors.items()})
    now = events.posts(ids)
    hidden = [id for id in ids if id not in now or now[id].private]
    if hidden:
        remove_posts(store, hidden)
    shown = [id for id in ids if id not in hidden]
    if shown:
        remove_posts(store, shown, but=version)
    done = {post.post_id for post, is_current in zip(posts, current, strict=True) if is_current}
    events.indexed({id: mark for id, mark in marks.items() if id in done or id in hidden})
