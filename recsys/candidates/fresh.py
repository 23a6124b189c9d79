"""The latest posts."""

from recsys.candidates.source import Request, sources


@sources.register("fresh")
def fresh(request: Request) -> list[str]:
    """The latest posts of all, for want of anything better to go by."""
    return request.events.fresh(request.count, request.exclude)
