"""Asking the sources again and again, for more each time, until they know no more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.candidates.source import Request, sources
from recsys.config import RecommendConfig
from recsys.events.database import Events
from recsys.filters import Everything, Filter
from recsys.profiles import Profile
from recsys.view import View

_GROWTH = 4
_MOST = 16_384
_PER_ANSWER = 4
"""Posts to ask for per post of the answer, so that one round is enough for most."""
_INTERESTS = 10
"""Anchors for which the configured number of posts is meant; with more, it grows along."""


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


def rounds(
    profile: Profile,
    view: View,
    events: Events,
    config: RecommendConfig,
    where: Filter | None = None,
    k: int = 1,
) -> Iterator[list[Candidate]]:
    """Rounds of new candidates; each asks for four times as many as the one before.

    What was proposed is excluded from the next round, so the rounds end when every post was
    proposed that any source has. A caller stops when it has enough.

    Args:
        profile: for whom.
        view: the version of the index to keep to.
        events: the truth.
        config: which sources, and how many posts they propose in the first round at least.
        where: what the asker wants of posts.
        k: how long the answer is to be.
    """
    names = _names(profile, config)
    count, proposed = _first(profile, config, k), 0
    exclude = profile.seen
    while True:
        request = Request(profile, view, events, config, count, exclude, where or Everything())
        proposals: dict[str, list[str]] = {}
        for name in names:
            for post_id in sources[name](request):
                proposals.setdefault(post_id, []).append(name)
        found = [
            Candidate(post_id, tuple(by), proposed + place, request.vector(post_id))
            for place, (post_id, by) in enumerate(proposals.items())
            if post_id not in exclude
        ]
        if not found:
            return
        yield found
        proposed += len(found)
        exclude |= proposals.keys()
        count = min(count * _GROWTH, _MOST)


def _first(profile: Profile, config: RecommendConfig, k: int) -> int:
    """How many posts a source proposes in the first round: more for many interests."""
    interests = min(len(profile.anchors), config.candidates.related_to)
    usual = config.candidates.count * max(interests, _INTERESTS) // _INTERESTS
    return min(max(usual, _PER_ANSWER * k), _MOST)


def _names(profile: Profile, config: RecommendConfig) -> Sequence[str]:
    known = profile.vector is not None or profile.anchors
    return config.candidates.sources if known else config.candidates.fallback
