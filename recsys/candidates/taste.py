"""Posts near the person."""

from recsys.candidates.source import Request, sources
from recsys.versions import Target


@sources.register("taste")
def taste(request: Request) -> list[str]:
    """The posts nearest to the person's own place on the sphere."""
    query = request.profile.query
    if query is None:
        return []
    (found,) = request.view.search(Target.POSTS, query[None], request.count, request.others)
    return [near.id for near in found]
