"""Writing into a live index, between one building and the next."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.erase import remove_posts
from recsys.events.database import Events
from recsys.events.records import Person, Post
from recsys.newcomers import profile_mark
from recsys.vectors import VectorStore
from recsys.versions import Target, Version


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


def put_profile(
    events: Events, store: VectorStore, version: Version, person: Person, place: np.ndarray
) -> bool:
    """Place someone by their profile, who is known by nothing else; True if that was done.

    Not if they were deleted, wrote another profile meanwhile, or have a post or a reaction: these
    tell more, and the next build places them by those.

    Args:
        events: the truth, which has the profile already.
        store: the index; this process is its only writer.
        version: of the index, whose model made the place.
        person: with the profile that the place was made of.
        place: (D,) unit; see `newcomers.place_of_profile`.
    Raises: BadData for a broken vector; Vanished if the version was dropped.
    """
    if events.profiles([person.user_id]).get(person.user_id) != person:
        return False
    if events.posts_of(person.user_id) or events.reactions_of(person.user_id):
        return False
    store.put_people(version, [person.user_id], place[None], [profile_mark(person)])
    if person.user_id not in events.known([person.user_id]):  # deleted meanwhile
        store.remove(Target.USERS, [person.user_id])
        return False
    return True
