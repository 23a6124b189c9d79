"""Posts near what the person lately made and liked."""

from itertools import chain, zip_longest

from recsys.candidates.source import Request, sources


@sources.register("related")
def related(request: Request) -> list[str]:
    """The posts nearest to each of the latest anchors, by turns.

    A person with several interests has them all served, which their one place may lie between.
    """
    anchors = request.nearby.anchors
    if not anchors:
        return []
    turns = chain.from_iterable(zip_longest(*anchors))
    by_turns = dict.fromkeys(near.id for near in turns if near is not None)
    return list(by_turns)[: request.count]
