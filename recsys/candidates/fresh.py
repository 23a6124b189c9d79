"""The latest posts."""

from recsys.candidates.source import Request, sources


@sources.register("fresh")
def fresh(request: Request) -> list[str]:
    """The latest posts of all: what nobody can have reacted to yet."""
    return request.asking.events.fresh(request.general, request.exclude)
