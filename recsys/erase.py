"""Deleting for good: from the event database first, which is the truth, then from every index."""

from collections.abc import Sequence
from dataclasses import dataclass

from recsys.events.database import Events
from recsys.vectors import VectorStore
from recsys.versions import Target, Version

_OF_POSTS = (Target.POSTS, Target.IMAGES, Target.TEXTS)


@dataclass(frozen=True)
class Erased:
    """What a deletion took away.

    Attributes:
        id: of the post or person.
        posts: ids of the posts that are gone.
        reactions: how many went with them.
    """

    id: str
    posts: tuple[str, ...]
    reactions: int


def erase_post(events: Events, store: VectorStore, post_id: str) -> Erased:
    """Delete a post with its picture, its reactions and its vectors in every version.

    Where the index can't be reached the deletion holds all the same: no answer shows what the
    database lacks, and `drift.drift` finds the rows that are left.

    Raises: NotFound; Unavailable if the index doesn't answer, after the database has deleted.
    """
    gone = events.delete_post(post_id)
    remove_posts(store, [post_id])
    return Erased(post_id, (post_id,), gone)


def erase_person(events: Events, store: VectorStore, user_id: str) -> Erased:
    """Delete a person with all that they posted and did; as `erase_post`."""
    posts, gone = events.delete_person(user_id)
    remove_posts(store, posts)
    store.remove(Target.USERS, [user_id])
    return Erased(user_id, tuple(posts), gone)


def remove_posts(
    store: VectorStore,
    post_ids: Sequence[str],
    *,
    but: Version | None = None,
    of: Version | None = None,
) -> None:
    """Take posts out of every version of the index, or of all but one, or of one alone."""
    for start in range(0, len(post_ids), 1000):
        for target in _OF_POSTS:
            store.remove(target, post_ids[start : start + 1000], but=but, of=of)
