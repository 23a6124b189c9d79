"""Posts that the person will most likely react to."""

from recsys.candidates.source import Request, sources


@sources.register("reactions")
def reactions(request: Request) -> list[str]:
    """The best posts by the model of reactions, for a person whose reactions it knows."""
    person = request.asking.likes
    return [] if person is None else person.nearest(request.half, request.exclude)
