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
_COLUMNS = (
    *("post_id", "user_id", "text", "tags", "created_at", "language", "private"),
    *("image_hash", "category"),
)


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
    people, known = _each(data.batches("users", ["user_id", "text"]), _person, events.add_people)
    posts, told = _each(data.batches("posts", _COLUMNS), _post, events.add_posts)
    reactions, done = _each(data.reaction_batches(), _reaction, events.add_reactions)
    _bring_pictures(data, events)
    refused = known + told + done - people - posts - reactions
    return ImportReport(posts, reactions, people, refused)


def _bring_pictures(data: "CleanData", events: Events) -> None:
    """Store what public posts show: not what is there already, nor of posts that were deleted."""
    before = 0
    for batch in data.batches("posts", ["private", "image_hash"]):
        shown: dict[str, int] = {}
        for row, post in enumerate(batch.to_pylist(), start=before):
            if post["image_hash"] and not post["private"]:
                shown.setdefault(post["image_hash"], row)
        before += len(batch)
        lacking = sorted(events.lacking_pictures(shown), key=shown.__getitem__)
        for start in range(0, len(lacking), _PICTURES):
            part = lacking[start : start + _PICTURES]
            images = data.images([shown[hash] for hash in part])
            events.add_pictures(
                {hash: displayed(image) for hash, image in zip(part, images, strict=True) if image}
            )


def _each(
    batches: Iterator[pa.RecordBatch], record: Callable[[dict[str, Any]], Any], add: Callable
) -> tuple[int, int]:
    """How many rows were taken, and how many there were."""
    taken = seen = 0
    for batch in batches:
        seen += len(batch)
        for start in range(0, len(batch), _ROWS):
            taken += add([record(row) for row in batch.slice(start, _ROWS).to_pylist()])
    return taken, seen


def _person(row: dict[str, Any]) -> Person:
    return Person(row["user_id"], row["text"])


def _post(row: dict[str, Any]) -> Post:
    return Post(**{**row, "tags": tuple(row["tags"] or ())})


def _reaction(row: dict[str, Any]) -> Reaction:
    return Reaction(**row)
