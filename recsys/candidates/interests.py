"""Posts near what the person is interested in."""

from recsys.candidates.source import Request, sources


@sources.register("interests")
def interests(request: Request) -> list[str]:
    """The posts nearest to each of several interests, by turns.

    A person with several has them all served, which their one place may lie between.
    """
    return request.near("interests")
