"""Who meets whom in a step: this worker's points, and those of all workers."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from training.batches import Batch
from training.distributed import gather
from training.examples import PostKeys
from training.losses.pairs import Points, matches
from training.modalities import Modality
from training.model.layout import Pair, Term

Key = tuple[Modality, str]
"""A modality in a block."""
Encoded = Mapping[Key, Points]


class Meeting:
    """Queries of this worker and candidates of all, with who matches whom.

    All that is asked for is gathered in the beginning, together.

    Args:
        local: this worker's points in every block.
        batch: that they come from.
        terms: that are to be computed.
    """

    def __init__(self, local: Encoded, batch: Batch, terms: Sequence[Term]) -> None:
        self._local, self._batch = local, batch
        self._blocks: dict[Modality, str] = {}
        """One for each modality: matches are the same in all."""
        wanted: list[Key] = []
        for term in terms:
            for side in term.pair.sides:
                self._blocks.setdefault(side, term.block)
                wanted.append((side, term.block))
        self._everyone = self._gathered(list(dict.fromkeys(wanted)))

    def most(self, modality: Modality) -> int:
        """How many points of a modality the worker with most of them has."""
        return self._batch.most_people if modality is Modality.USER else self._batch.most_posts

    def sides(self, term: Term, query: Modality, candidate: Modality) -> tuple[Points, Points]:
        """Queries of this worker and candidates of all, as a term wants them."""
        queries, candidates = self._local[query, term.block], self._everyone[candidate, term.block]
        if term.fixed is query:
            queries = queries.fixed()
        if term.fixed is candidate:
            candidates = candidates.fixed()
        return queries, candidates

    def matches(
        self, pair: Pair, query: Modality, candidate: Modality, rows: slice
    ) -> tuple[Tensor, Tensor]:
        """Positives and ignored candidates (see `losses.pairs`) of some queries."""
        posts = query if candidate is Modality.USER else candidate
        queries = self._local[query, self._blocks[query]][rows]
        return matches(pair, query, queries, self._anywhere(candidate), self._anywhere(posts))

    def _anywhere(self, modality: Modality) -> Points:
        return self._everyone[modality, self._blocks[modality]]

    def _gathered(self, wanted: Sequence[Key]) -> Encoded:
        keys = [_packed(self._local[key]) for key in self._blocks.items()]
        vectors = [self._local[key].vectors for key in wanted]
        most = [self.most(modality) for modality in (*self._blocks, *(m for m, _ in wanted))]
        everyone = gather([*keys, *vectors], most)
        known = dict(zip(self._blocks, everyone, strict=False))
        return {
            (modality, block): _unpacked(found, known[modality])
            for (modality, block), found in zip(wanted, everyone[len(keys) :], strict=True)
        }


def _packed(points: Points) -> Tensor:
    """(n, 5) long: the keys, and whether the point is there."""
    keys = points.keys
    columns = (keys.row, keys.author, keys.text, keys.image, points.present.long())
    return torch.stack(columns, dim=1)


def _unpacked(vectors: Tensor, packed: Tensor) -> Points:
    *keys, present = packed.unbind(dim=1)
    return Points(vectors, present.bool(), PostKeys(*keys))
