"""Who matches whom in a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.examples import PostKeys
from training.modalities import Modality
from training.model.layout import Pair


@dataclass(frozen=True)
class Points:
    """Embeddings of one modality in one block of a batch, with what decides who matches.

    Attributes:
        vectors: (n, width) unit rows.
        present: (n,) bool; a row without it takes no part.
        keys: of the posts; for people all four fields hold the person's row of `Examples.users`.
    """

    vectors: Tensor
    present: Tensor
    keys: PostKeys

    def __getitem__(self, rows: slice | Tensor) -> "Points":
        """Some of the points, by a slice or by their numbers (m,) long."""
        keys = self.keys
        parts = (keys.row[rows], keys.author[rows], keys.text[rows], keys.image[rows])
        return Points(self.vectors[rows], self.present[rows], PostKeys(*parts))

    def fixed(self) -> "Points":
        """The same points, giving no gradient."""
        return Points(self.vectors.detach(), self.present, self.keys)


def matches(
    pair: Pair, query_side: Modality, queries: Points, candidates: Points, posts: Points
) -> tuple[Tensor, Tensor]:
    """Matches and unfair negatives of each query.

    Between image and text a match is the same post, an equal text, or an equal picture. Between a
    person and a post it is authorship; a candidate that equals one of the query's matches in text
    or picture but has another author is neither match nor negative.

    Args:
        pair: the modalities.
        query_side: which of them asks.
        queries: Q points of this worker.
        candidates: C points of all workers.
        posts: the pair's posts of all workers (the candidates, if people ask).
    Returns: positives (Q, C) bool and ignored (Q, C) bool, disjoint; absent candidates are ignored.
    """
    if pair is Pair.IMAGE_TEXT:
        positives = (
            _equal(queries.keys.row, candidates.keys.row)
            | _equal(queries.keys.text, candidates.keys.text)
            | _equal(queries.keys.image, candidates.keys.image)
        ) & candidates.present
        return positives, ~candidates.present.expand_as(positives)
    positives = _equal(queries.keys.author, candidates.keys.author) & candidates.present
    twins = _share_a_post(query_side, queries, candidates, posts)
    return positives, (twins & ~positives) | ~candidates.present


def same_author(queries: Points, candidates: Points) -> Tensor:
    """(Q, C) bool: posts by one person."""
    return _equal(queries.keys.author, candidates.keys.author)


def _share_a_post(
    query_side: Modality, queries: Points, candidates: Points, posts: Points
) -> Tensor:
    """(Q, C) bool: whether some post is by the one and equals the other in text or picture."""
    there = posts.present
    author = posts.keys.author[there]
    shared = torch.zeros(
        len(queries.vectors), len(candidates.vectors), dtype=torch.bool, device=there.device
    )
    for content in ("text", "image"):
        equal = getattr(posts.keys, content)[there]
        if query_side is Modality.USER:
            sides = queries.keys.author, getattr(candidates.keys, content)
            shared |= _linked(*sides, author, equal)
        else:
            sides = getattr(queries.keys, content), candidates.keys.author
            shared |= _linked(*sides, equal, author)
    return shared


def _linked(rows: Tensor, columns: Tensor, from_key: Tensor, to_key: Tensor) -> Tensor:
    """(R, C) bool: whether some link leads from a row's key to a column's key.

    By a table of the keys that occur, so that nothing is held of more than R times C: the product
    of two matrices, which says the same, needs one of links times columns.

    Args:
        rows: (R,) long keys.
        columns: (C,) long keys.
        from_key: (L,) long, of each link.
        to_key: (L,) long, of each link.
    """
    row_keys, row = rows.unique(return_inverse=True)
    column_keys, column = columns.unique(return_inverse=True)
    starts, begins = _place(from_key, row_keys)
    ends, finishes = _place(to_key, column_keys)
    both = begins & finishes
    table = torch.zeros(len(row_keys), len(column_keys), dtype=torch.bool, device=rows.device)
    table[starts[both], ends[both]] = True
    return table[row][:, column]


def _place(keys: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Where keys (L,) are in an ascending list (K,), and whether they are: long and bool (L,)."""
    place = torch.searchsorted(among, keys)
    found = place < len(among)
    found[found.clone()] = among[place[found]] == keys[found]
    return place, found


def _equal(a: Tensor, b: Tensor) -> Tensor:
    return a[:, None] == b[None, :]
