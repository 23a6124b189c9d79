"""From an id that a person typed to its row."""

import difflib
from collections.abc import Sequence

from training.errors import NotFound

_COMPARED = 5000


def find_id(wanted: str, ids: Sequence[str], what: str) -> int:
    """Row of an id.

    Args:
        wanted: as it was typed.
        ids: all there are.
        what: `person` or `post`, for the message.
    Raises: NotFound naming up to three ids that look alike.
    """
    try:
        return ids.index(wanted)
    except ValueError:
        pass
    alike = [known for known in ids if known[:2] == wanted[:2]][:_COMPARED]
    near = difflib.get_close_matches(wanted, alike, n=3)
    near = near or difflib.get_close_matches(wanted, ids[:_COMPARED], n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {len(ids)} ids"
    raise NotFound(f"there is no {what} {wanted!r} in the data", hint=hint)
