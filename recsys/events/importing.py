"""Cleaned data into the event database; repeating an import changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from recsys.events.database import Events
from recsys.events.pictures import displayed
from recsys.events.records import Person, Post, Reaction

if TYPE_CHECKING:
    from training.data.clean import CleanData

_ROWS = 1000
_PICTURES = 64


@dataclass(frozen=True)
class ImportReport:
    """What an import took; the rest of its rows belong to what was deleted.

    Attributes:
        posts: rows taken.
        reactions: rows taken.
        people: profiles taken.
        refused: rows of people or posts that were deleted for good.
    """

    posts: int
    reactions: int
    people: int
    refused: int


def import_data(data: "CleanData", events: Events) -> ImportReport:
    """Bring cleaned posts, reactions and people into the event database.

    Posts that are there are replaced but stay private if they were; reactions that are there are
    passed over. A cut import can be repeated.

    Raises: Conflict if a post is there already as another person's.
    """
    columns = ["post_id", "user_id", "text", "tags", "created_at", "language", "private"]
    posts = data.posts([*columns, "image_hash", "category"])
    reactions, users = data.reactions(), data.users()
    taken_people = _each(users, _person, events.add_people)
    taken_posts = _each(posts, _post, events.add_posts)
    taken_reactions = _each(reactions, _reaction, events.add_reactions)
    _bring_pictures(data, events)
    total = len(posts) + len(reactions) + len(users)
    taken = taken_posts + taken_reactions + taken_people
    return ImportReport(taken_posts, taken_reactions, taken_people, total - taken)


def _bring_pictures(data: "CleanData", events: Events) -> None:
    """Store what public posts show: not what is there already, nor of posts that were deleted."""
    shown: dict[str, int] = {}
    for row, post in enumerate(data.posts(["private", "image_hash"]).to_pylist()):
        if post["image_hash"] and not post["private"]:
            shown.setdefault(post["image_hash"], row)
    lacking = sorted(events.lacking_pictures(shown), key=shown.__getitem__)
    for start in range(0, len(lacking), _PICTURES):
        part = lacking[start : start + _PICTURES]
        images = data.images([shown[hash] for hash in part])
        events.add_pictures(
            {hash: displayed(image) for hash, image in zip(part, images, strict=True) if image}
        )


def _each(table: pa.Table, record: Callable[[dict[str, Any]], Any], add: Callable) -> int:
    return sum(add([record(row) for row in rows]) for rows in _rows(table))


def _rows(table: pa.Table) -> Iterator[list[dict[str, Any]]]:
    for batch in table.to_batches(max_chunksize=_ROWS):
        yield batch.to_pylist()


def _person(row: dict[str, Any]) -> Person:
    return Person(row["user_id"], row["text"])


def _post(row: dict[str, Any]) -> Post:
    return Post(**{**row, "tags": tuple(row["tags"] or ())})


def _reaction(row: dict[str, Any]) -> Reaction:
    return Reaction(**row)
