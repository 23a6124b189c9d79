"""What the recommender answers with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import overload


class ReasonKind(StrEnum):
    """What a reason rests on."""

    TASTE = "taste"
    INTEREST = "interest"
    POST = "post"
    REACTIONS = "reactions"
    USUAL = "usual"
    NEIGHBOURS = "neighbours"
    FRESHNESS = "freshness"
    QUALITY = "quality"
    DIVERSITY = "diversity"
    EXPLORATION = "exploration"
    REST = "rest"
    POPULAR = "popular"
    FRESH = "fresh"
    PAIR = "pair"
    TAGS = "tags"
    FOLLOW = "follow"


@dataclass(frozen=True)
class Reason:
    """One true cause of an answer.

    Attributes:
        kind: what it rests on.
        text: for people, in words and titles.
        contribution: its part of a recommendation's score; the parts sum to the score.
        posts: ids of the posts that it names.
    """

    kind: ReasonKind
    text: str
    contribution: float = 0.0
    posts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recommendation:
    """A post for a person.

    Attributes:
        post_id: of the post.
        author: who wrote it.
        title: its first sentence.
        score: expected value of what the person will do with it if the model of reactions knows
            them, a mean of cosines else; see `RankingConfig`. The list falls by it.
        reasons: why, most weighty first; their contributions sum to the score.
        sources: which candidate sources proposed it.
        propensity: how likely it was that its place shows it, (0, 1].
        explored: whether it is there because it is new, to learn who likes it.
        probabilities: of what the person may do with it, by outcome (`ReactionModel`); empty
            where the model of reactions doesn't know person or post.
    """

    post_id: str
    author: str
    title: str
    score: float
    reasons: tuple[Reason, ...]
    sources: tuple[str, ...]
    propensity: float = 1.0
    explored: bool = False
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recommendations(Sequence[Recommendation]):
    """Posts for a person, best first.

    Attributes:
        items: the posts.
        fallback: True if nothing was known of the person's taste, so that the list is of popular
            and of fresh posts.
        model_version: of the index that was asked.
    """

    items: tuple[Recommendation, ...]
    fallback: bool
    model_version: str

    @overload
    def __getitem__(self, place: int) -> Recommendation: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Recommendation, ...]: ...

    def __getitem__(self, place: int | slice) -> Recommendation | tuple[Recommendation, ...]:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class SimilarUser:
    """A person like another.

    Attributes:
        user_id: of the person.
        score: cosine of the two.
        reasons: what binds them, in posts and tags of theirs that everyone may see.
        interest: name of the interest that both share most; None if none has a name.
        posts: ids of the public posts of theirs that are most to the person's taste.
    """

    user_id: str
    score: float
    reasons: tuple[Reason, ...]
    interest: str | None = None
    posts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    """Something that a search found.

    Attributes:
        id: of a person, or of the post that the image, text or post is.
        author: of the post; of a person, the person.
        title: of the post; of a person, their profile's beginning or the id.
        score: cosine to the query.
    """

    id: str
    author: str
    title: str
    score: float
