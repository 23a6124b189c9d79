"""The last stage: chosen posts become answers with words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from recsys.answers import Recommendation
from recsys.candidates.asking import Asking
from recsys.exploration import Placed
from recsys.reasons import why_post


def worded(placed: Sequence[Placed], asking: Asking) -> Iterator[Recommendation]:
    """The posts with words; without those that were deleted a moment ago."""
    profile, person = asking.profile, asking.likes
    whole = asking.events.posts([one.scored.post.post_id for one in placed])
    named = {anchor.post.post_id: anchor.post for anchor in profile.anchors}
    for one in placed:
        post = whole.get(one.scored.post.post_id)
        if post is None or post.private:
            continue
        scored, cause = replace(one.scored, post=post), None
        if person is not None and person.knows(post.post_id):
            cause = named.get(person.cause(post.post_id, list(named)) or "")
        yield Recommendation(
            post_id=post.post_id,
            author=post.user_id,
            title=post.title,
            score=scored.score,
            reasons=why_post(scored, profile, asking.config.reasons, cause),
            sources=scored.sources,
            propensity=one.propensity,
            explored=one.explored,
            probabilities=scored.probabilities,
        )
