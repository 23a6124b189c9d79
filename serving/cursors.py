"""Cursors: where the next page begins, for the question that the page before answered."""

import base64
import hashlib
import json

from training.errors import Conflict

MOST = 1000
"""Answers that can be paged through; beyond it another question finds more."""


def page_start(cursor: str | None, question: str) -> int:
    """How many answers were given before.

    Args:
        cursor: of the answer before; None at the beginning.
        question: what is asked, the same for each page.
    Raises: Conflict for a cursor that isn't ours or belongs to another question.
    """
    if cursor is None:
        return 0
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        start, asked = json.loads(base64.urlsafe_b64decode(padded))
        good = type(start) is int and 0 < start <= MOST and isinstance(asked, str)
    except (ValueError, TypeError):
        good, start, asked = False, 0, ""
    if not good or asked != _digest(question):
        raise Conflict(
            "cursor: it belongs to another question",
            hint="begin without a cursor, and pass on `next_cursor` with everything else unchanged",
        )
    return start


def next_cursor(given: int, found: int, question: str) -> str | None:
    """The cursor behind `given` answers in all; None if there are no more.

    Args:
        given: answers up to here.
        found: how many there are, one more than given at least if there is another page.
        question: what is asked.
    """
    if found <= given or given >= MOST:
        return None
    text = json.dumps([given, _digest(question)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _digest(question: str) -> str:
    return hashlib.blake2b(question.encode(), digest_size=8).hexdigest()
