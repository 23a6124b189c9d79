"""What the recommender answers with."""

from dataclasses import dataclass
from enum import StrEnum


class ReasonKind(StrEnum):
    """What a reason rests on."""

    TASTE = "taste"
    POST = "post"
    POPULAR = "popular"
    FRESH = "fresh"
    PAIR = "pair"
    TAGS = "tags"


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
        score: mean cosine to the person and to their nearest post; the list falls by it.
        reasons: why, most weighty first; their contributions sum to the score.
        sources: which candidate sources proposed it.
    """

    post_id: str
    author: str
    title: str
    score: float
    reasons: tuple[Reason, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class SimilarUser:
    """A person like another.

    Attributes:
        user_id: of the person.
        score: cosine of the two.
        reasons: what binds them, in posts and tags of theirs that everyone may see.
    """

    user_id: str
    score: float
    reasons: tuple[Reason, ...]


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
