"""Posts near what the person lately made and liked."""

from itertools import chain, zip_longest

from recsys.candidates.source import Request, sources
from recsys.versions import Target


@sources.register("related")
def related(request: Request) -> list[str]:
    """The posts nearest to each of the latest anchors, by turns; one request for all anchors.

    A person with several interests has them all served, which their one place may lie between.
    """
    queries = request.profile.anchor_queries[: request.config.candidates.related_to]
    if not len(queries):
        return []
    each = -(-request.count // len(queries))
    found = request.view.search(Target.POSTS, queries, each, request.others)
    turns = chain.from_iterable(zip_longest(*found))
    return list(dict.fromkeys(near.id for near in turns if near is not None))
