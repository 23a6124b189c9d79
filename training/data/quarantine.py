"""Why a row is bad, and what is kept of it."""

import json
from enum import StrEnum
from typing import Any

_LONGEST_VALUE = (500, 100, 20)  # tried in turn until the row fits
_LONGEST_ROW = 4_000
_DEEPEST = 6  # levels of nesting; hostile JSON may have thousands


class Reason(StrEnum):
    """Why a row was quarantined; what varies (a number, a name) goes into the detail."""

    MALFORMED = "malformed row"
    MISSING = "missing"
    WRONG_TYPE = "wrong type"
    BROKEN_UTF8 = "broken UTF-8"
    CONTROL_CHARACTERS = "control characters"
    TOO_LONG = "too long"
    EMPTY_POST = "empty post"
    BAD_ID = "bad id"
    DUPLICATE = "duplicate"
    NOT_A_DATE = "not a date"
    FUTURE_DATE = "date in the future"
    OLD_DATE = "date before 1970"
    NOT_FINITE = "not a finite number"
    UNKNOWN_KIND = "unknown kind"
    UNKNOWN_POST = "unknown post"
    UNKNOWN_USER = "unknown user"
    IMAGE_UNREADABLE = "unreadable image"
    IMAGE_TRUNCATED = "truncated image"
    IMAGE_FORMAT = "image format not allowed"
    IMAGE_TOO_LARGE = "image too large"
    IMAGE_SHAPE = "image too long and thin"
    IMAGE_NOT_FOUND = "image not found"
    IMAGE_OUTSIDE = "image outside image_folder"
    IMAGE_URL = "image URL not fetched"


class BadField(Exception):
    """One field of one row is bad. Caught where rows are checked; no user sees it.

    Args:
        reason: why.
        detail: what varies: the offending number, type or name.
        image: the bytes of the image, if the image is the problem.

    Attributes:
        field: which one, set by whoever knows it; None: the row as a whole.
    """

    def __init__(self, reason: Reason, detail: str = "", *, image: bytes | None = None) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.image = image
        self.field: str | None = None


def printable(text: str) -> str:
    """A text with everything that a terminal would act on, or UTF-8 can't hold, escaped."""
    return "".join(
        part if part.isprintable() else part.encode("unicode_escape").decode() for part in text
    )


def raw_json(row: Any) -> str:
    """A row as ASCII JSON for the quarantine: long values cut, bytes counted, the rest as it came.

    Bytes that were not UTF-8 show as the lone surrogates of Python's `surrogateescape`.
    """
    text = ""
    for longest in _LONGEST_VALUE:
        text = json.dumps(_shorten(row, longest, depth=0))
        if len(text) <= _LONGEST_ROW:
            return text
    return json.dumps({"cut": text[:_LONGEST_ROW]})


def _shorten(value: Any, longest: int, depth: int) -> Any:
    if depth > _DEEPEST:
        return "…"
    match value:
        case None | bool() | int() | float():
            return value
        case bytes():
            return {"bytes": len(value)}
        case str():
            return _cut(value, longest)
        case dict():
            return {
                _cut(str(key), longest): _shorten(part, longest, depth + 1)
                for key, part in value.items()
            }
        case list() | tuple():
            return [_shorten(part, longest, depth + 1) for part in value[:longest]]
        case _:
            return _cut(str(value), longest)


def _cut(text: str, longest: int) -> str:
    return (
        text if len(text) <= longest else f"{text[:longest]}… (+{len(text) - longest} characters)"
    )
