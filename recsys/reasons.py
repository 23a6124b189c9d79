"""Why: the parts of a score, and what binds two people, in words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.answers import Reason, ReasonKind
from recsys.events.records import Post
from recsys.interests import Anchor, Interest
from recsys.profiles import Profile
from recsys.ranking import Part, Scored

_TAGS = 3
_SHOWN = 3


@dataclass(frozen=True)
class Binding:
    """What binds two people.

    Attributes:
        reasons: in words.
        interest: name of the asker's interest that is nearest to the other's posts.
        posts: the other's posts that are nearest to the asker's, nearest first.
    """

    reasons: tuple[Reason, ...]
    interest: str | None
    posts: tuple[str, ...]


def why_post(
    scored: Scored, profile: Profile, most: int, cause: Post | None = None
) -> tuple[Reason, ...]:
    """The parts of a recommendation's score as reasons, weightiest first.

    Args:
        scored: the recommended post.
        profile: for whom.
        most: how many reasons at most; the least weighty ones are told as one, so that the
            contributions always sum to the score.
        cause: post of the person's history that speaks most for this one, by what people react to.
    """
    reasons = [_of_part(part, scored, profile, cause) for part in scored.parts if part.value]
    reasons.sort(key=lambda one: (-abs(one.contribution), one.kind))
    if len(reasons) > most:
        rest = sum(one.contribution for one in reasons[most - 1 :])
        reasons = [*reasons[: most - 1], Reason(ReasonKind.REST, "and smaller causes", rest)]
    return tuple(sorted(reasons, key=lambda one: (-one.contribution, one.kind)))


def why_person(
    profile: Profile,
    theirs: Sequence[Post],
    vectors: Mapping[str, np.ndarray],
    most: int,
) -> Binding:
    """What binds a person to another: the nearest pair of posts, and the tags that both use.

    Args:
        profile: the person who asks.
        theirs: public posts of the other.
        vectors: (D,) by post id, of the posts that are indexed.
        most: how many reasons at most.
    """
    reasons, interest, posts = [], None, tuple[str, ...]()
    indexed = [post for post in theirs if post.post_id in vectors]
    if profile.anchors and indexed:
        rows = np.stack([vectors[post.post_id] for post in indexed])
        cosines = profile.anchor_queries @ rows.T
        row, column = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
        anchor, post = profile.anchors[int(row)], indexed[int(column)]
        reasons.append(_pair(anchor, post))
        best = np.argsort(-cosines.max(axis=0), kind="stable")[:_SHOWN]
        posts = tuple(indexed[int(place)].post_id for place in best)
        if profile.interests:
            shared = (profile.interest_queries @ rows.T).mean(axis=1)
            interest = profile.interests[int(shared.argmax())]
    tags = Counter(tag for post in theirs for tag in dict.fromkeys(post.tags))
    if interest is not None and interest.name:
        text = f"you share an interest in {interest.name}"
        reasons.append(Reason(ReasonKind.INTEREST, text))
    shared_tags = _shared(profile.tags, tags)
    if shared_tags:
        reasons.append(Reason(ReasonKind.TAGS, f"you both use {_listed(shared_tags)}"))
    return Binding(tuple(reasons[:most]), interest.name or None if interest else None, posts)


def _of_part(part: Part, scored: Scored, profile: Profile, cause: Post | None) -> Reason:
    match part.kind:
        case ReasonKind.POST if scored.nearest and part.value > 0:
            text = f"like {_named(scored.nearest)}"
            return Reason(part.kind, text, part.value, (scored.nearest.post.post_id,))
        case ReasonKind.INTEREST if scored.interest and part.value > 0:
            return Reason(part.kind, _of_interest(scored.interest), part.value)
        case ReasonKind.REACTIONS if cause and part.value > 0:
            text = f"people who like ‘{cause.title}’ like this"
            return Reason(part.kind, text, part.value, (cause.post_id,))
        case ReasonKind.TASTE if part.value > 0:
            shared = _shared(profile.tags, Counter(dict.fromkeys(scored.post.tags, 1)))
            text = f"matches your interest in {_listed(shared)}" if shared else "near your taste"
            return Reason(part.kind, text, part.value)
        case _:
            return Reason(part.kind, _TEXTS[part.kind][part.value < 0], part.value)


# what a part says for a post, and what it says against it
_TEXTS = {
    ReasonKind.TASTE: ("near your taste", "away from your usual taste"),
    ReasonKind.POST: ("like a post of yours", "unlike your posts"),
    ReasonKind.INTEREST: ("near an interest of yours", "far from your interests"),
    ReasonKind.REACTIONS: ("fits what you react to", "not what you usually react to"),
    ReasonKind.USUAL: ("how people usually react to posts", "how people usually react to posts"),
    ReasonKind.NEIGHBOURS: ("people near you liked it", "people near you didn't like it"),
    ReasonKind.FRESHNESS: ("new", "not new"),
    ReasonKind.QUALITY: ("better liked than most", "less liked than most"),
    ReasonKind.DIVERSITY: ("different from those above", "much like one above"),
    ReasonKind.EXPLORATION: (
        "new here: shown to learn who likes it",
        "new here: shown to learn who likes it",
    ),
    ReasonKind.POPULAR: ("many people like it; we don't know your taste yet",) * 2,
    ReasonKind.FRESH: ("new here; we don't know your taste yet",) * 2,
}


def _of_interest(interest: Interest) -> str:
    if interest.name:
        return f"matches your interest in {interest.name}"
    return f"matches your interest in things like {_named(interest.anchors[0])}"


def _pair(anchor: Anchor, post: Post) -> Reason:
    if anchor.post.post_id == post.post_id:  # theirs, and liked by the one who asks
        return Reason(ReasonKind.PAIR, f"you liked their post ‘{post.title}’", 0.0, (post.post_id,))
    text = f"their post ‘{post.title}’ is like {_named(anchor)}"
    return Reason(ReasonKind.PAIR, text, 0.0, (post.post_id, anchor.post.post_id))


def _named(anchor: Anchor) -> str:
    whose = "your post" if anchor.own else "the post that you liked,"
    return f"{whose} ‘{anchor.post.title}’"


def _shared(mine: Counter[str], theirs: Counter[str]) -> list[str]:
    """The tags of both, those first of which the one with fewer has most."""
    both = mine & theirs
    return sorted(both, key=lambda tag: (-both[tag], -mine[tag], tag))[:_TAGS]


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
