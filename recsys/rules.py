"""What is never recommended, whatever a source proposes or the index still holds."""

from collections.abc import Iterable, Mapping

from recsys.candidates.rounds import Candidate
from recsys.events.records import Post
from recsys.profiles import Profile


def allowed(
    candidates: Iterable[Candidate], posts: Mapping[str, Post], profile: Profile
) -> list[Candidate]:
    """The candidates that may be shown to a person.

    Never shown: a post that isn't in the event database (deleted, or never there), that is private,
    that is their own, that they reacted to in any way or have hidden, that has a tag which they
    muted, or whose author they muted or blocked, or who blocked them.

    Args:
        candidates: what the sources proposed.
        posts: by id, as the event database has them now, with tags; private ones included.
        profile: the person.
    """
    return [candidate for candidate in candidates if _may_show(candidate, posts, profile)]


def _may_show(candidate: Candidate, posts: Mapping[str, Post], profile: Profile) -> bool:
    post = posts.get(candidate.post_id)
    return (
        post is not None
        and not post.private
        and post.user_id != profile.user_id
        and post.post_id not in profile.seen
        and post.user_id not in profile.boundaries.authors
        and profile.boundaries.muted_tags.isdisjoint(post.tags)
    )
