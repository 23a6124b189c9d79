"""Asking the sources again and again, for more each time, until they know no more."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from recsys.candidates.asking import Asking
from recsys.candidates.source import Request, sources
from recsys.measures import STAGE_SECONDS

_GROWTH = 4
_MOST = 16_384
_PER_ANSWER = 4
"""Posts to ask for per post of the answer, so that one round is enough for most."""


@dataclass(frozen=True)
class Candidate:
    """A proposed post.

    Attributes:
        post_id: of the post.
        sources: who proposed it.
        place: 0 for the first proposal of all, and so on.
        vector: (D,) of the post, if it came with the proposal.
    """

    post_id: str
    sources: tuple[str, ...]
    place: int
    vector: np.ndarray | None = None


def rounds(asking: Asking, k: int = 1) -> Iterator[list[Candidate]]:
    """Rounds of new candidates; each asks for four times as many as the one before.

    What was proposed is excluded from the next round, so the rounds end when every post was
    proposed that any source has. A caller stops when it has enough.

    Args:
        asking: for whom, of what.
        k: how long the answer is to be.
    """
    count = min(max(asking.config.candidates.count, _PER_ANSWER * k), _MOST)
    proposed, exclude, first = 0, asking.profile.seen, True
    while True:
        request = Request(asking, count, exclude, first)
        found = _proposals(request)
        if not found and not first:
            return
        first = False
        vectors = request.vectors(list(found))
        yield [
            Candidate(post_id, by, proposed + place, vectors.get(post_id))
            for place, (post_id, by) in enumerate(found.items())
        ]
        proposed += len(found)
        exclude |= found.keys()
        count = min(count * _GROWTH, _MOST)


def _asked(name: str, request: Request) -> list[str]:
    recorder = request.asking.recorder
    with recorder.stage(STAGE_SECONDS, stage="candidates", source=name):
        return sources[name](request)


def _proposals(request: Request) -> dict[str, tuple[str, ...]]:
    """Who proposed what: the first proposal of each source, then the second of each, and so on."""
    names = request.asking.names
    lists = [_asked(name, request) for name in names]
    found: dict[str, tuple[str, ...]] = {}
    for turn in zip_longest(*lists):
        for name, post_id in zip(names, turn, strict=True):
            if post_id is not None and post_id not in request.exclude:
                found[post_id] = (*found.get(post_id, ()), name)
    # in the order of configuration, whoever came first
    return {id: tuple(name for name in names if name in by) for id, by in found.items()}
