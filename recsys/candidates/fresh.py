"""The latest posts."""

from recsys.candidates.source import Request, sources


@sources.register("fresh")
def fresh(request: Request) -> list[str]:
    """The latest posts of all: what nobody can have reacted to yet.

    Undated ones may be of any age, so they come when nobody has anything better to propose.
    """
    events = request.asking.events
    return events.fresh(request.general, request.exclude, undated=not request.first)
