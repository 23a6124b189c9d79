"""Scores of candidates, as sums of parts that reasons can name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import numpy as np

from recsys.answers import ReasonKind
from recsys.candidates.asking import Asking
from recsys.candidates.rounds import Candidate
from recsys.events.records import Post
from recsys.interests import Anchor, Interest
from recsys.reacting import ReactingPerson

_SECONDS_A_DAY = 86_400
_PRIOR_REACTIONS = 10.0
"""Approval of a post with few reactions leans so much on that of all candidates."""
_FEWEST_COMPARED = 10
"""Posts that both likeness and the model of reactions know, below which neither tells the other."""
_DIGITS = 5
"""To which scores are compared: sums vary in the last bits."""


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
        vector: (D,) float32; None for a post that came after the index was built.
        sources: who proposed it.
        nearest: the anchor nearest to the post, if the person has any.
        interest: likewise.
        probabilities: of what the person may do with it, by outcome; empty if nothing is known.
        reactions: how many there are to it.
    """

    post: Post
    parts: tuple[Part, ...]
    vector: np.ndarray | None
    sources: tuple[str, ...]
    nearest: Anchor | None = None
    interest: Interest | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    reactions: int = 0

    @property
    def score(self) -> float:
        """Sum of the parts."""
        return sum(part.value for part in self.parts)


@dataclass(frozen=True)
class _Line:
    """What a likeness is worth where the model of reactions doesn't know the post.

    A line through those posts that both know, never falling, kept between the least and the
    greatest value that was seen there.
    """

    slope: float
    at_zero: float
    least: float
    most: float

    def __call__(self, likeness: float) -> float:
        return min(max(self.at_zero + self.slope * likeness, self.least), self.most)


class Ranker:
    """Scores the candidates of one recommendation.

    The relevance of a post is the expected value of what the person will do with it, or a mean of
    cosines; see `RankingConfig`. What else speaks for it is a share of the relevance.

    Args:
        asking: for whom, by which weights.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._config = asking.config.ranking
        self._line: _Line | None = None

    def rank(
        self,
        candidates: Sequence[Candidate],
        posts: Mapping[str, Post],
        vectors: Mapping[str, np.ndarray],
    ) -> list[Scored]:
        """The candidates with their scores, best first, equal scores by id.

        About someone of whom nothing is known the order of the sources speaks: 1, 1/2, 1/3 …

        Args:
            candidates: that may be shown.
            posts: theirs, by id.
            vectors: theirs, (D,) by id, as far as they are indexed.
        """
        if not self._asking.known:
            return in_order([_by_place(one, posts, vectors) for one in candidates])
        likeness = _Likeness(candidates, vectors, self._asking)
        scored = [likeness.scored(one, posts[one.post_id]) for one in candidates]
        if self._asking.likes is not None:
            scored = self._expected(scored, self._asking.likes)
        return in_order(self._beside(scored))

    def _expected(self, scored: Sequence[Scored], person: ReactingPerson) -> list[Scored]:
        """The same with expected values for cosines."""
        known = [one.post.post_id for one in scored if person.knows(one.post.post_id)]
        expected = person.expected(known)
        row_of = {post_id: row for row, post_id in enumerate(known)}
        if self._line is None:
            likeness = {one.post.post_id: one.score for one in scored}
            self._line = _line([likeness[post_id] for post_id in known], expected.value)
        found = []
        for one in scored:
            row = row_of.get(one.post.post_id)
            if row is None:
                parts = _through(self._line, one.parts)
                found.append(_with(one, parts))
                continue
            value, personal = float(expected.value[row]), float(expected.personal[row])
            parts = (Part(ReasonKind.REACTIONS, personal), Part(ReasonKind.USUAL, value - personal))
            likely = {name: float(each[row]) for name, each in expected.probabilities.items()}
            found.append(_with(one, parts, probabilities=likely))
        return found

    def _beside(self, scored: Sequence[Scored]) -> list[Scored]:
        """The same with what else speaks for a post."""
        config, asking = self._config, self._asking
        ids = [one.post.post_id for one in scored]
        tallies = asking.events.tallies.of(ids)
        liked = asking.liked_nearby if config.neighbours and "neighbours" in asking.names else {}
        quality = _quality(tallies, asking.approving)
        found = []
        for one in scored:
            post_id, size = one.post.post_id, abs(one.score)
            shares = (
                (ReasonKind.FRESHNESS, config.freshness * self._newness(one.post.created_at)),
                (ReasonKind.QUALITY, config.quality * quality.get(post_id, 0.0)),
                (ReasonKind.NEIGHBOURS, config.neighbours * liked.get(post_id, 0.0)),
            )
            extra = tuple(Part(kind, share * size) for kind, share in shares if share)
            count = sum(tallies.get(post_id, {}).values())
            found.append(_with(one, (*one.parts, *extra), reactions=count))
        return found

    def _newness(self, created_at: datetime | None) -> float:
        """1 for a post of this moment, halved with every half-life; 0 for an undated one."""
        if created_at is None:
            return 0.0
        days = max((self._asking.now - created_at).total_seconds() / _SECONDS_A_DAY, 0.0)
        newness = 2.0 ** (-days / self._config.half_life_days)
        return newness if newness > 1e-3 else 0.0


def in_order(scored: Sequence[Scored]) -> list[Scored]:
    """Best first, equal scores by id; what differs in the last bits alone is equal."""
    scores = [one.score for one in scored]
    digits = telling_digits(scores)
    keys = {id(one): -round(score, digits) for one, score in zip(scored, scores, strict=True)}
    return sorted(scored, key=lambda one: (keys[id(one)], one.post.post_id))


def telling_digits(scores: Sequence[float]) -> int:
    """Decimals of these scores that aren't noise."""
    largest = max((abs(score) for score in scores), default=0.0)
    return _DIGITS - int(np.ceil(np.log10(largest))) if largest > 1e-300 else 0


def _with(
    one: Scored,
    parts: tuple[Part, ...],
    probabilities: Mapping[str, float] | None = None,
    reactions: int = 0,
) -> Scored:
    """`dataclasses.replace`, five times as fast: there are hundreds of candidates."""
    return Scored(
        one.post,
        parts,
        one.vector,
        one.sources,
        one.nearest,
        one.interest,
        one.probabilities if probabilities is None else probabilities,
        reactions,
    )


def _by_place(
    candidate: Candidate, posts: Mapping[str, Post], vectors: Mapping[str, np.ndarray]
) -> Scored:
    kind = ReasonKind.POPULAR if "popular" in candidate.sources else ReasonKind.FRESH
    part = Part(kind, 1 / (1 + candidate.place))
    post_id = candidate.post_id
    return Scored(posts[post_id], (part,), vectors.get(post_id), candidate.sources)


def _line(likeness: Sequence[float], values: np.ndarray) -> _Line:
    """Least squares, the slope at least 0; the mean where too little is known."""
    if not len(values):
        return _Line(0.0, 0.0, 0.0, 0.0)
    x, mean = np.asarray(likeness), float(values.mean())
    spread = float(x.var())
    slope = 0.0
    if len(values) >= _FEWEST_COMPARED and spread > 1e-12:
        slope = max(float(np.mean((x - x.mean()) * (values - mean))) / spread, 0.0)
    at_zero = mean - slope * float(x.mean())
    return _Line(slope, at_zero, float(values.min()), float(values.max()))


def _through(line: _Line, parts: Sequence[Part]) -> tuple[Part, ...]:
    """Parts of a likeness as parts of its value.

    Each has so much of what likeness adds to the value as it has of the likeness: for a function
    of a sum, the shares of Aumann and Shapley.
    """
    likeness = sum(part.value for part in parts)
    nothing = line(0.0)
    if abs(likeness) < 1e-9:
        return (Part(ReasonKind.USUAL, nothing),)
    factor = (line(likeness) - nothing) / likeness
    scaled = tuple(Part(part.kind, factor * part.value) for part in parts)
    return (*scaled, Part(ReasonKind.USUAL, nothing))


def _quality(
    tallies: Mapping[str, Mapping[str, int]], approving: Sequence[str]
) -> dict[str, float]:
    """How much more of those who react to a post approve than is usual, -1 to 1, by id."""
    kinds = set(approving)
    count = {id: sum(kinds_of.values()) for id, kinds_of in tallies.items()}
    good = {
        id: sum(number for kind, number in kinds_of.items() if kind in kinds)
        for id, kinds_of in tallies.items()
    }
    whole = sum(count.values())
    if not whole:
        return {}
    usual = sum(good.values()) / whole
    most = max(usual, 1 - usual)
    return {
        id: ((good[id] + _PRIOR_REACTIONS * usual) / (count[id] + _PRIOR_REACTIONS) - usual) / most
        for id in tallies
    }


class _Likeness:
    """Cosines of all candidates to a person, their interests and their anchors at once."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        vectors: Mapping[str, np.ndarray],
        asking: Asking,
    ) -> None:
        self._profile, self._config = asking.profile, asking.config.ranking
        self._vectors = vectors
        placed = [c.post_id for c in candidates if c.post_id in vectors]
        self._row = {id: row for row, id in enumerate(placed)}
        profile = self._profile
        if not placed or profile.query is None:
            self._row = {}
            return
        matrix = np.stack([vectors[id] for id in placed])
        self._taste = matrix @ profile.query
        if profile.anchors:
            self._nearest, self._best = _closest(matrix, profile.anchor_queries)
        if profile.interests:
            self._interest, self._fit = _closest(matrix, profile.interest_queries)

    def scored(self, candidate: Candidate, post: Post) -> Scored:
        """A candidate with the parts of its likeness, and what is nearest to it."""
        row = self._row.get(candidate.post_id)
        profile, config = self._profile, self._config
        made = partial(
            Scored, post, vector=self._vectors.get(post.post_id), sources=candidate.sources
        )
        if row is None:
            return made(parts=(Part(ReasonKind.TASTE, 0.0),))
        taste = float(self._taste[row])
        if not profile.anchors:
            return made(parts=(Part(ReasonKind.TASTE, taste),))
        interest = profile.interests[int(self._interest[row])] if profile.interests else None
        weights = (
            (ReasonKind.TASTE, config.taste, taste),
            (ReasonKind.INTEREST, config.interest, float(self._fit[row]) if interest else taste),
            (ReasonKind.POST, 1 - config.taste - config.interest, float(self._best[row])),
        )
        return made(
            parts=tuple(Part(kind, weight * value) for kind, weight, value in weights if weight),
            nearest=profile.anchors[int(self._nearest[row])],
            interest=interest,
        )


def _closest(matrix: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each row the nearest query, (C,), and the cosine to it, (C,)."""
    cosines = matrix @ queries.T
    nearest = cosines.argmax(axis=1)
    return nearest, cosines[np.arange(len(matrix)), nearest]
