"""Posts near the person."""

from recsys.candidates.source import Request, sources


@sources.register("taste")
def taste(request: Request) -> list[str]:
    """The posts nearest to the person's own place on the sphere."""
    return request.near("taste")
