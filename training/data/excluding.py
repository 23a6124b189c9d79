"""Whether clean data holds rows of the forgotten: such a folder may not be used, nor stay."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from training.data.files import parts_of
from training.data.forgotten import Forgotten

_PEOPLE = {"posts": ("user_id",), "reactions": ("user_id",), "users": ("user_id",)}
_POSTS = {"posts": ("post_id",), "reactions": ("post_id",)}
_TEXTS = ("raw", "detail")


def holds_rows(root: Path, forgotten: Forgotten) -> bool:
    """Whether a folder that `prepare` wrote, or refused, has a row of a list: good or quarantined.

    Args:
        root: the folder; parts of it may be missing.
        forgotten: the list.
    """
    if not forgotten:
        return False
    people = (id for table, names in _PEOPLE.items() for id in _values(root, table, names))
    posts = (id for table, names in _POSTS.items() for id in _values(root, table, names))
    mapped = _of_file(root / "mapped_ids.parquet", ("id",))
    return (
        any(map(forgotten.person, people))
        or any(map(forgotten.post, posts))
        or any(forgotten.person(id) or forgotten.post(id) for id in mapped)
        or any(map(forgotten.word, _of_file(root / "quarantine.parquet", _TEXTS)))
    )


def _values(root: Path, table: str, columns: Iterable[str]) -> Iterator[str]:
    for path in parts_of(root / table):
        yield from _of_file(path, columns)


def _of_file(path: Path, columns: Iterable[str]) -> Iterator[str]:
    """The different values of text columns, column by column."""
    if not path.is_file():
        return
    for column in columns:
        yield from pq.read_table(path, columns=[column])[column].drop_null().unique().to_pylist()
