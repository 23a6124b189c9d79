"""What a candidate source is, and where sources are registered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest

import numpy as np

from recsys.candidates.asking import Asking, Found
from recsys.filters import Filter, without_ids
from recsys.versions import Target
from recsys.view import Near
from training.registry import Registry

_LEAST_EACH = 60
"""Posts per query, however many queries there are: with fewer, some of the ten best of a person of
many interests stayed unseen."""


@dataclass(frozen=True)
class Nearby:
    """What is near a person.

    Attributes:
        found: nearest posts of each query, by source.
        vectors: (D,) of all of them.
    """

    found: Found
    vectors: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Request:
    """What a source may look at.

    Attributes:
        asking: the recommendation that is being made.
        count: how many posts to propose at most.
        exclude: ids that need no proposing: own, seen, or proposed before.
        first: whether nothing was asked for this recommendation before.
    """

    asking: Asking
    count: int
    exclude: frozenset[str]
    first: bool = False

    @property
    def general(self) -> int:
        """How many posts to propose that would be proposed to anyone: all that is asked for of
        somebody of whom nothing else is known.
        """
        config = self.asking.config.candidates
        if not self.asking.known:
            return self.count
        return max(1, self.count * config.general // config.count)

    @property
    def half(self) -> int:
        """How many posts to propose for a source whose proposals come with no likeness."""
        return -(-self.count // 2)

    @cached_property
    def nearby(self) -> Nearby:
        """The posts near the person, their interests and their latest anchors, by one request.

        All that these sources ask of the index at all: a search costs far more than a query in it.
        """
        queries = self.asking.queries
        if not queries:
            return Nearby({}, {})
        rows = np.concatenate(list(queries.values()))
        condition = self.others
        answers, vectors = self.asking.view.search_with_vectors(
            Target.POSTS, rows, self.each(len(rows)), condition
        )
        ends = np.cumsum([len(part) for part in queries.values()])
        starts = [0, *ends[:-1]]
        parts = zip(queries, starts, ends, strict=True)
        return Nearby({name: answers[start:end] for name, start, end in parts}, vectors)

    def near(self, source: str) -> list[str]:
        """What the queries of a source found, by turns; at most `count` ids."""
        return by_turns(self.nearby.found.get(source, []))[: self.count]

    def each(self, queries: int) -> int:
        """How many posts to ask for by each of so many queries."""
        return min(self.count, max(_LEAST_EACH, -(-2 * self.count // queries)))

    @property
    def others(self) -> Filter:
        """Posts that may be proposed."""
        return self.asking.others & without_ids(self.exclude)

    def vectors(self, post_ids: Sequence[str]) -> dict[str, np.ndarray]:
        """The (D,) vectors of posts that a search brought."""
        searched = self.__dict__.get("nearby")  # a source that needs no search starts none
        if searched is None:
            return {}
        return {id: searched.vectors[id] for id in post_ids if id in searched.vectors}


def by_turns(answers: Sequence[Sequence[Near]]) -> list[str]:
    """The best of each answer, then the second of each, and so on; each id once."""
    turns = chain.from_iterable(zip_longest(*answers))
    return list(dict.fromkeys(near.id for near in turns if near is not None))


Source = Callable[[Request], list[str]]
"""Proposes ids of posts, best first; empty if it knows no more. What a proposal may not be is the
business of `rules.py`: a source need not know the rules."""

sources = Registry[Source]("candidate source")
