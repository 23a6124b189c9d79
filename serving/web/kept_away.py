"""What a person keeps away, in words, for the list from which it can be taken back."""

from asyncio import gather
from dataclasses import dataclass

from serving.backend import Backend
from serving.wire.people import BoundaryName
from training.errors import NotFound

_TITLED = 40
"""Hidden posts that are named by their titles; further ones by their ids."""


@dataclass(frozen=True)
class KeptAway:
    """One thing.

    Attributes:
        kind: of boundary.
        target: id or tag.
        words: what it is to people: a name, a tag, a title.
    """

    kind: BoundaryName
    target: str
    words: str


async def kept_away(backend: Backend, user_id: str) -> list[KeptAway]:
    """All that a person muted, blocked and hid. Raises: NotFound for an unknown person."""
    found = await backend.boundaries(user_id)
    titles = await gather(*(_title(backend, post_id) for post_id in found.hidden[:_TITLED]))
    hidden = dict(zip(found.hidden, [*titles, *found.hidden[_TITLED:]], strict=True))
    return [
        *(KeptAway("muted_author", name, name) for name in found.muted_authors),
        *(KeptAway("muted_tag", tag, tag) for tag in found.muted_tags),
        *(KeptAway("blocked", name, name) for name in found.blocked),
        *(KeptAway("hidden", post_id, title) for post_id, title in hidden.items()),
    ]


async def _title(backend: Backend, post_id: str) -> str:
    try:
        return (await backend.post(post_id)).title
    except NotFound:  # private by now, or not here yet
        return post_id
