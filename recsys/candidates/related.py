"""Posts near what the person lately made and liked."""

from recsys.candidates.source import Request, sources


@sources.register("related")
def related(request: Request) -> list[str]:
    """The posts nearest to each of the latest anchors, by turns."""
    return request.near("related")
