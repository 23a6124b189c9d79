"""Scores of candidates, as sums of parts that reasons can name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.answers import ReasonKind
from recsys.candidates.rounds import Candidate
from recsys.config import RankingConfig
from recsys.events.records import Post
from recsys.profiles import Anchor, Profile


@dataclass(frozen=True)
class Part:
    """One summand of a score."""

    kind: ReasonKind
    value: float


@dataclass(frozen=True)
class Scored:
    """A candidate with its score.

    Attributes:
        post: the post.
        parts: what the score is the sum of.
        nearest: the anchor nearest to the post, if the person has any.
        vector: (D,) float32; None for a post that came after the index was built.
        sources: who proposed it.
    """

    post: Post
    parts: tuple[Part, ...]
    nearest: Anchor | None
    vector: np.ndarray | None
    sources: tuple[str, ...]

    @property
    def score(self) -> float:
        """Sum of the parts."""
        return sum(part.value for part in self.parts)


def rank(
    candidates: Sequence[Candidate],
    posts: Mapping[str, Post],
    vectors: Mapping[str, np.ndarray],
    profile: Profile,
    config: RankingConfig,
) -> list[Scored]:
    """The candidates with their scores, best first, equal scores by id.

    A score is the mean of two cosines: to the person, and to that one of their posts which is
    nearest. Without posts it is the first alone, and about someone of whom nothing is known the
    order of the source speaks: 1, 1/2, 1/3 …

    Args:
        candidates: that may be shown.
        posts: theirs, by id.
        vectors: theirs, (D,) by id, as far as they are indexed.
        profile: the person.
        config: the weights.
    """
    placed = [c.post_id for c in candidates if vectors.get(c.post_id) is not None]
    cosines = _Cosines(placed, vectors, profile)
    scored = []
    for candidate in candidates:
        vector = vectors.get(candidate.post_id)
        parts, nearest = _by_place(candidate), None
        if profile.query is not None:
            parts, nearest = cosines.of(candidate.post_id, profile, config)
        post = posts[candidate.post_id]
        scored.append(Scored(post, parts, nearest, vector, candidate.sources))
    return in_order(scored)


def in_order(scored: Sequence[Scored]) -> list[Scored]:
    """Best first, equal scores by id. A millionth is no difference: sums vary in the last bits."""
    return sorted(scored, key=lambda one: (-round(one.score, 6), one.post.post_id))


def _by_place(candidate: Candidate) -> tuple[Part, ...]:
    kind = ReasonKind.POPULAR if "popular" in candidate.sources else ReasonKind.FRESH
    return (Part(kind, 1 / (1 + candidate.place)),)


class _Cosines:
    """Of all candidates to a person and their anchors at once."""

    def __init__(
        self, ids: Sequence[str], vectors: Mapping[str, np.ndarray], profile: Profile
    ) -> None:
        self._row = {id: row for row, id in enumerate(ids)}
        if not ids or profile.query is None:
            return
        matrix = np.stack([vectors[id] for id in ids])
        self._taste = matrix @ profile.query
        if profile.anchors:
            to_anchors = matrix @ profile.anchor_queries.T
            self._nearest = to_anchors.argmax(axis=1)
            self._best = to_anchors.max(axis=1)

    def of(
        self, post_id: str, profile: Profile, config: RankingConfig
    ) -> tuple[tuple[Part, ...], Anchor | None]:
        """The parts of a score, and the nearest anchor."""
        row = self._row.get(post_id)
        if row is None:
            return (Part(ReasonKind.TASTE, 0.0),), None
        taste = float(self._taste[row])
        if not profile.anchors:
            return (Part(ReasonKind.TASTE, taste),), None
        parts = (
            Part(ReasonKind.TASTE, config.taste * taste),
            Part(ReasonKind.POST, (1 - config.taste) * float(self._best[row])),
        )
        return parts, profile.anchors[int(self._nearest[row])]
