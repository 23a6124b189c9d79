"""Why: the parts of a score, and what binds two people, in words."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from recsys.answers import Reason, ReasonKind
from recsys.events.records import Post
from recsys.profiles import Anchor, Profile
from recsys.ranking import Part, Scored

_TAGS = 3


def why_post(scored: Scored, profile: Profile, most: int) -> tuple[Reason, ...]:
    """The parts of a recommendation's score as reasons, weightiest first.

    Args:
        scored: the recommended post.
        profile: for whom.
        most: how many reasons at most; what is left out is the least weighty.
    """
    reasons = [_of_part(part, scored, profile) for part in scored.parts]
    return tuple(sorted(reasons, key=lambda one: (-one.contribution, one.kind))[:most])


def why_person(
    profile: Profile,
    theirs: Sequence[Post],
    vectors: Mapping[str, np.ndarray],
    most: int,
) -> tuple[Reason, ...]:
    """What binds a person to another: the nearest pair of posts, and the tags that both use.

    Args:
        profile: the person who asks.
        theirs: public posts of the other.
        vectors: (D,) by post id, of the posts that are indexed.
        most: how many reasons at most.
    """
    reasons = []
    indexed = [post for post in theirs if post.post_id in vectors]
    if profile.anchors and indexed:
        cosines = profile.anchor_queries @ np.stack([vectors[post.post_id] for post in indexed]).T
        row, column = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
        anchor, post = profile.anchors[int(row)], indexed[int(column)]
        reasons.append(_pair(anchor, post))
    tags = Counter(tag for post in theirs for tag in dict.fromkeys(post.tags))
    shared = _shared(profile.tags, tags)
    if shared:
        reasons.append(Reason(ReasonKind.TAGS, f"you both use {_listed(shared)}"))
    return tuple(reasons[:most])


def _of_part(part: Part, scored: Scored, profile: Profile) -> Reason:
    match part.kind:
        case ReasonKind.POST if scored.nearest:
            text = f"like {_named(scored.nearest)}"
            return Reason(part.kind, text, part.value, (scored.nearest.post.post_id,))
        case ReasonKind.POPULAR:
            text = "many people like it; we don't know your taste yet"
        case ReasonKind.FRESH:
            text = "new here; we don't know your taste yet"
        case _:
            shared = _shared(profile.tags, Counter(dict.fromkeys(scored.post.tags, 1)))
            text = f"matches your interest in {_listed(shared)}" if shared else "near your taste"
    return Reason(part.kind, text, part.value)


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
