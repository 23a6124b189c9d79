"""Who meets whom in a step: this worker's points, and those of all workers."""

from collections.abc import Mapping
from functools import cache

from torch import Tensor

from training.batches import Batch
from training.losses.pairs import Points, matches
from training.modalities import Modality
from training.model.layout import Pair, Term

Encoded = Mapping[tuple[Modality, str], Points]
"""Points by modality and block."""


class Meeting:
    """Queries of this worker and candidates of all, with who matches whom.

    What is gathered or matched serves often: a pair's matches are the same in every block, and
    every block's points meet in several terms.

    Args:
        local: this worker's points in every block.
        batch: that they come from.
        block: any block with all three modalities; matches don't depend on which.
    """

    def __init__(self, local: Encoded, batch: Batch, block: str) -> None:
        self._local, self._batch, self._block = local, batch, block
        self._everyone = cache(self._gathered)
        self.matched = cache(self.matches)

    def most(self, modality: Modality) -> int:
        """How many points of a modality the worker with most of them has."""
        return self._batch.most_people if modality is Modality.USER else self._batch.most_posts

    def sides(self, term: Term, query: Modality, candidate: Modality) -> tuple[Points, Points]:
        """Queries of this worker and candidates of all, as a term wants them."""
        queries, candidates = self._local[query, term.block], self._everyone(candidate, term.block)
        if term.fixed is query:
            queries = queries.fixed()
        if term.fixed is candidate:
            candidates = candidates.fixed()
        return queries, candidates

    def matches(
        self, pair: Pair, query: Modality, candidate: Modality, rows: slice | None = None
    ) -> tuple[Tensor, Tensor]:
        """Positives and ignored candidates (see `losses.pairs`) of all queries or some `rows`.

        `matched` is the same, and remembers.
        """
        posts = query if candidate is Modality.USER else candidate
        queries = self._local[query, self._block]
        if rows is not None:
            queries = queries[rows]
        everyone = self._everyone(candidate, self._block), self._everyone(posts, self._block)
        return matches(pair, query, queries, *everyone)

    def _gathered(self, modality: Modality, block: str) -> Points:
        return self._local[modality, block].gathered(self.most(modality))
