"""One direction of one model as a retrieval task: queries, candidates, and what matches what."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from training.evaluation.embedded import Direction, EmbeddedPosts

# Pairs of a chunk cost 4 bytes of score, 1 of match and about 8 of working copies.
_BYTES_PER_PAIR = 13


@dataclass(frozen=True)
class Side:
    """The queries, or the candidates, of a task: n points.

    Attributes:
        rows: (n,) row numbers of the people or of the posts that the points stand for.
        vectors: (n, D) float32.
        placed: (n,) bool: False where the model has no vector; it then scores -inf.
        group: (n,) int: a query matches the candidates of its own group; -1 matches nothing.
        person: (n,) row of the person behind the point, -1 if unknown.
    """

    rows: np.ndarray
    vectors: np.ndarray
    placed: np.ndarray
    group: np.ndarray
    person: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def keep(self, mask: np.ndarray) -> "Side":
        """The points of a mask or index."""
        return Side(
            self.rows[mask],
            self.vectors[mask],
            self.placed[mask],
            self.group[mask],
            self.person[mask],
        )


@dataclass(frozen=True)
class RetrievalTask:
    """Q queries, each with one match at least, against all C candidates of a direction."""

    direction: Direction
    queries: Side
    candidates: Side

    def scores(self, rows: slice | np.ndarray) -> np.ndarray:
        """(q, C) float32 cosine similarities of some queries; -inf where a side isn't placed."""
        scores = self.queries.vectors[rows] @ self.candidates.vectors.T
        scores[~self.queries.placed[rows]] = -np.inf
        scores[:, ~self.candidates.placed] = -np.inf
        return scores

    def positives(self, rows: slice | np.ndarray) -> np.ndarray:
        """(q, C) bool: which candidates match the queries."""
        return self.queries.group[rows][:, None] == self.candidates.group[None, :]

    def chunks(self, memory_mb: int) -> Iterator[slice]:
        """Slices of the queries whose score matrices stay below `memory_mb`."""
        size = max(1, memory_mb * 2**20 // (_BYTES_PER_PAIR * max(1, len(self.candidates))))
        for start in range(0, len(self.queries), size):
            yield slice(start, start + size)


def retrieval_task(embedded: EmbeddedPosts, direction: Direction) -> RetrievalTask | None:
    """The task of a direction; None if the model lacks a side of it, or if no query has a match.

    With a person on one side, the posts that the person wrote match. Between image and text, all
    posts of equal text match. People without an evaluation post are candidates but never queries.
    """
    queries = _side(embedded, direction.query, direction)
    candidates = _side(embedded, direction.candidate, direction)
    if queries is None or candidates is None:
        return None
    # A candidate of group -1 matches nothing, so no query of group -1 may meet it.
    has_match = (queries.group >= 0) & np.isin(queries.group, candidates.group)
    if not has_match.any():
        return None
    queries = queries.keep(has_match)
    return RetrievalTask(direction, _weighted(queries, embedded, direction), candidates)


def _weighted(queries: Side, embedded: EmbeddedPosts, direction: Direction) -> Side:
    """The queries as the model asks in this direction, of unit length again."""
    weights = (embedded.query_weights or {}).get(direction.value)
    if weights is None:
        return queries
    vectors = queries.vectors * weights
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return replace(queries, vectors=vectors / np.maximum(lengths, 1e-12))


def _side(embedded: EmbeddedPosts, kind: str, direction: Direction) -> Side | None:
    if kind == "user":
        rows = np.arange(len(embedded.users))
        return Side(rows, _float(embedded.users), _mask(embedded.has_user, len(rows)), rows, rows)
    vectors, present, placed = _of_posts(embedded, kind)
    if vectors is None:
        return None
    group = embedded.author
    if not direction.has_people:
        group = np.where(embedded.has_text, embedded.text_group, -1)
    rows = np.arange(len(embedded))
    return Side(rows, _float(vectors), placed, group, embedded.author).keep(present)


def _of_posts(
    embedded: EmbeddedPosts, kind: str
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Vectors of the posts as `kind`, which posts take part, and which of those are placed."""
    everywhere = np.ones(len(embedded), dtype=bool)
    if kind == "image":
        return embedded.images, embedded.has_image.astype(bool), everywhere
    if kind == "text":
        return embedded.texts, embedded.has_text.astype(bool), everywhere
    return embedded.posts, everywhere, _mask(embedded.has_post, len(embedded))


def _mask(mask: np.ndarray | None, length: int) -> np.ndarray:
    return np.ones(length, dtype=bool) if mask is None else mask.astype(bool)


def _float(vectors: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(vectors, dtype=np.float32)
