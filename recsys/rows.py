"""What a row of the index says beside its vector."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from recsys.events.records import Post
from recsys.marks import content_mark, mark
from recsys.tags import tags_text
from training.data.identity import is_good_id
from training.errors import BadData

ID_LENGTH = 128
LANGUAGE_LENGTH = 64
CATEGORY_LENGTH = 512
"""In bytes, as Milvus counts: 128 characters of any script."""


def post_fields(post: Post) -> dict[str, object]:
    """What posts are filtered by, and the mark of it."""
    fields: dict[str, object] = {
        "author": post.user_id,
        "language": stored(post.language, LANGUAGE_LENGTH),
        "created_at": int(post.created_at.timestamp()) if post.created_at else None,
        "tags": tags_text(post.tags),
        "category": stored(post.category, CATEGORY_LENGTH),
    }
    return fields | {"fields_mark": mark(*fields.values())}


def stored(text: str | None, most: int) -> str | None:
    """A text as a field of so many bytes holds it: itself, or a digest if it is too long."""
    if text is None or len(text.encode("utf-8", "surrogatepass")) <= most:
        return text
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def rows_of(
    ids: Sequence[str], vectors: np.ndarray, dimension: int, marks: Sequence[int]
) -> list[dict[str, object]]:
    """Rows of ids and vectors with the marks of their content.

    Args:
        ids: n ids.
        vectors: (n, D) unit rows.
        dimension: D.
        marks: n marks.
    Raises: BadData for an id that Milvus can't hold, or a vector that isn't finite and of length 1.
    """
    if vectors.shape != (len(ids), dimension):
        raise BadData(
            f"{len(ids)} vectors of {dimension} dimensions were expected, "
            f"not an array of {vectors.shape}"
        )
    bad = next((id for id in ids if not is_good_id(id)), None)
    if bad is not None:
        raise BadData(f"id {bad!r:.140} must be 1 to 128 of the characters A-Za-z0-9_.:@/-")
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    wrong = ~(np.abs(lengths - 1) < 1e-3)  # NaN compares false, and is wrong
    if wrong.any():
        at = int(np.argmax(wrong))
        raise BadData(
            f"the embedding of {ids[at]} has length {lengths[at]:.4g}, not 1",
            hint="the model is broken; train it again or promote another version",
        )
    return [
        {"id": id, "vector": vector, "content_mark": mark}
        for id, vector, mark in zip(ids, vectors.astype(np.float32), marks, strict=True)
    ]


def post_rows(
    posts: Sequence[Post],
    vectors: np.ndarray,
    dimension: int,
    contents: Sequence[int] | None = None,
) -> list[dict[str, object]]:
    """Rows of a collection of posts, images or texts.

    Args:
        posts: n posts.
        vectors: (n, D) unit rows.
        dimension: D.
        contents: n marks of what the vectors were made of; None: of what the posts hold.
    Raises: BadData as `rows_of`.
    """
    marks = [content_mark(p.text, p.image_hash) for p in posts] if contents is None else contents
    rows = rows_of([post.post_id for post in posts], vectors, dimension, marks)
    return [row | post_fields(post) for row, post in zip(rows, posts, strict=True)]


def limited(
    rows: Sequence[Mapping[str, object]], fields: frozenset[str]
) -> list[dict[str, object]]:
    """Rows without the fields that the collections of an older release don't have."""
    return [{name: value for name, value in row.items() if name in fields} for row in rows]
