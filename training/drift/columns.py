"""What is compared of a snapshot of data: columns of values, each with whose it is."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.clean import CleanData

_WORD = re.compile(r"[^\W\d_]{3,}")
POST_COLUMNS = ["post_id", "user_id", "text", "tags", "language", "category", "private"]
_HASHES = ["text_hash", "image_hash"]


@dataclass(frozen=True)
class Column:
    """Values and their people.

    Attributes:
        name: as people read it.
        ordered: numbers, compared by their order; else names, compared by their shares.
        values: (N,) float or text.
        people: (N,) text.
    """

    name: str
    ordered: bool
    values: np.ndarray
    people: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """A state of the data, without its pictures.

    Attributes:
        digest: of the clean data.
        posts: with the columns of `POST_COLUMNS`.
        reactions: `REACTIONS`.
        counts: rows by table.
        quarantined: share of the rows read that were bad.
    """

    digest: str
    posts: pa.Table
    reactions: pa.Table
    counts: dict[str, int]
    quarantined: float

    @classmethod
    def of(cls, data: CleanData) -> "Snapshot":
        """Read one."""
        report = data.manifest.report
        read = sum(table.read for table in report.tables.values())
        return cls(
            digest=data.manifest.digest,
            posts=data.posts(POST_COLUMNS + _HASHES),
            reactions=data.reactions(),
            counts=dict(data.manifest.counts),
            quarantined=report.quarantined / read if read else 0.0,
        )

    def only(self, rows: np.ndarray) -> "Snapshot":
        """The same with some of its posts: (n,) rows; their reactions alone."""
        posts = self.posts.take(pa.array(rows))
        known = posts["post_id"].combine_chunks()
        kept = pc.is_in(self.reactions["post_id"], value_set=known)  # type: ignore[attr-defined]
        reactions = self.reactions.filter(kept)
        counts = self.counts | {"posts": len(posts), "reactions": len(reactions)}
        return Snapshot(self.digest, posts, reactions, counts, self.quarantined)


def columns_of(snapshot: Snapshot, most_rows: int, seed: int) -> dict[str, Column]:
    """Name to column; one without a value is left out.

    Args:
        snapshot: the data.
        most_rows: posts whose words are counted, at most.
        seed: of the draw.
    """
    posts, reactions = snapshot.posts, snapshot.reactions
    authors = _text(posts["user_id"])
    found = [
        _present("text length", True, _lengths(posts["text"]), authors),
        _present("language", False, posts["language"], authors),
        _present("category", False, posts["category"], authors),
        Column("content", False, _content(posts), authors),
        Column("visibility", False, _visibility(posts), authors),
        _tags(posts, authors),
        _words(posts, authors, most_rows, seed),
        _activity("posts a person", authors),
        _activity("reactions a person", _text(reactions["user_id"])),
        _present("kind of reaction", False, reactions["kind"], _text(reactions["user_id"])),
    ]
    return {column.name: column for column in found if len(column.values)}


def words_of(text: str | None) -> list[str]:
    """Its words of three letters or more, in lower case."""
    return _WORD.findall(text.lower()) if text else []


def _present(name: str, ordered: bool, values: pa.ChunkedArray, people: np.ndarray) -> Column:
    there = values.is_valid().to_numpy()
    kept = values.filter(pa.array(there))
    plain = kept.to_numpy().astype(np.float64) if ordered else _text(kept)
    return Column(name, ordered, plain, people[there])


def _lengths(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_length(texts)  # type: ignore[attr-defined]


def _content(posts: pa.Table) -> np.ndarray:
    image, text = (posts[name].is_valid().to_numpy() for name in ("image_hash", "text_hash"))
    return np.where(image & text, "image and text", np.where(image, "image alone", "text alone"))


def _visibility(posts: pa.Table) -> np.ndarray:
    return np.where(posts["private"].to_numpy(), "private", "public")


def _tags(posts: pa.Table, authors: np.ndarray) -> Column:
    tags = posts["tags"].combine_chunks()
    owner = np.repeat(authors, tags.value_lengths().fill_null(0).to_numpy())
    return Column("tags", False, _text(tags.flatten()), owner)


def _words(posts: pa.Table, authors: np.ndarray, most_rows: int, seed: int) -> Column:
    rows = drawn(len(posts), most_rows, seed)
    words: list[str] = []
    owner: list[str] = []
    for text, author in zip(posts["text"].take(rows).to_pylist(), authors[rows], strict=True):
        said = sorted(set(words_of(text)))  # once a post: a text may repeat itself
        words += said
        owner += [author] * len(said)
    return Column("words", False, np.array(words, dtype=str), np.array(owner, dtype=str))


def _activity(name: str, people: np.ndarray) -> Column:
    counts = Counter(people.tolist())
    return Column(
        name, True, np.array(list(counts.values()), dtype=np.float64), np.array(list(counts))
    )


def drawn(count: int, most: int, seed: int) -> np.ndarray:
    """Rows of `count`, all or `most` of them drawn evenly, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _text(values: pa.ChunkedArray | pa.Array) -> np.ndarray:
    return np.array(values.to_pylist(), dtype=str)
