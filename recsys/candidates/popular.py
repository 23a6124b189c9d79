"""The posts that most people liked."""

from recsys.candidates.source import Request, sources


@sources.register("popular")
def popular(request: Request) -> list[str]:
    """The posts with most reactions of an approving kind."""
    kinds = [kind for kind, weight in request.config.history.kinds.items() if weight > 0]
    return request.events.popular(kinds, request.count, request.exclude)
