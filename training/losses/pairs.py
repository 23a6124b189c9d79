"""Who matches whom in a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.distributed import gather
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

    def gathered(self, most: int) -> "Points":
        """The points of all workers (differentiable); `most` as in `distributed.gather`."""
        keys = self.keys
        return Points(
            gather(self.vectors, most),
            gather(self.present.to(torch.uint8), most).bool(),
            PostKeys(*(gather(k, most) for k in (keys.row, keys.author, keys.text, keys.image))),
        )

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
    if query_side is Modality.USER:
        twins = (positives.float() @ _same_content(posts, posts).float()) > 0
    else:
        theirs = _equal(posts.keys.author, candidates.keys.author) & posts.present[:, None]
        twins = (_same_content(queries, posts).float() @ theirs.float()) > 0
    return positives, (twins & ~positives) | ~candidates.present


def same_author(queries: Points, candidates: Points) -> Tensor:
    """(Q, C) bool: posts by one person."""
    return _equal(queries.keys.author, candidates.keys.author)


def _same_content(a: Points, b: Points) -> Tensor:
    return _equal(a.keys.text, b.keys.text) | _equal(a.keys.image, b.keys.image)


def _equal(a: Tensor, b: Tensor) -> Tensor:
    return a[:, None] == b[None, :]
