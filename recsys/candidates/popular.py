"""The posts that most people liked."""

from recsys.candidates.source import Request, sources


@sources.register("popular")
def popular(request: Request) -> list[str]:
    """The posts with most reactions of an approving kind."""
    asking = request.asking
    return asking.events.popular(asking.approving, request.general, request.exclude)
