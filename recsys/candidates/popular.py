"""The posts that most people liked."""

from recsys.candidates.source import Request, sources


@sources.register("popular")
def popular(request: Request) -> list[str]:
    """The posts with most reactions of an approving kind.

    To somebody of whom nothing is known, what people in general like by the model of reactions, if
    there is one: late likes count more there, and what goes with a dislike counts less.
    """
    asking = request.asking
    if not asking.known and asking.reacting is not None:
        return asking.reacting.nearest(request.general, request.exclude)
    return asking.events.popular(asking.approving, request.general, request.exclude)
