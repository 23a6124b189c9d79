"""One field of one row: from whatever a source holds to what a clean table keeps.

Every function takes a raw value and returns a clean one, None where the field is absent, or raises
`BadField`. In CSV every value is text, and empty text is absence.
"""

import math
import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from training.data.config import DataConfig
from training.data.identity import is_good_id, map_id
from training.data.quarantine import BadField, Reason

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_DAY = 86_400_000_000
_MICROSECONDS = 1_000_000
_MOST_SECONDS = 1e15  # far beyond any date, milliseconds taken for seconds included
_SKEW = _DAY  # clocks differ, and so do time zones of naive times
_NUMERIC = (int, float, str, Decimal)
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}


class Microseconds(int):
    """Microseconds since 1970 UTC, for a time that a source holds as such (not as a number)."""


def parse_id(value: Any, config: DataConfig) -> tuple[str, str | None]:
    """A good id, and its original where it had to be mapped. Whole numbers count as ids."""
    if _is_absent(value):
        raise BadField(Reason.MISSING)
    if isinstance(value, int) and not isinstance(value, (bool, Microseconds)):
        value = str(value)
    if not isinstance(value, str):
        raise _wrong_type("an id (text or a whole number)", value)
    if is_good_id(value):
        return value, None
    if config.ids == "map":
        return map_id(value), value
    _refuse_broken(value)
    if len(value) > 128:
        raise BadField(Reason.BAD_ID, f"{len(value)} characters, at most 128")
    detail = "only A-Z a-z 0-9 _ . : @ / - are allowed; ids=map turns others into such"
    raise BadField(Reason.BAD_ID, detail)


def parse_text(value: Any, config: DataConfig, longest: int | None = None) -> str | None:
    """Text in NFC with line feeds, no blanks around; None if nothing would show.

    Args:
        value: raw.
        config: the limits.
        longest: in characters; the configuration's `max_text_characters` if None.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong_type("text", value)
    limit = config.max_text_characters if longest is None else longest
    if len(value) > limit:
        raise BadField(Reason.TOO_LONG, f"{len(value)} characters, at most {limit}")
    _refuse_broken(value)
    return clean_text(value, remove_controls=config.control_characters == "remove")


def clean_text(text: str, *, remove_controls: bool) -> str | None:
    """What `parse_text` does to a text once it is known to be one. Doing it twice changes nothing.

    Raises: BadField for a control character, unless they are removed.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "")
    if found := _CONTROL.search(text):
        if not remove_controls:
            detail = f"U+{ord(found[0]):04X} at character {found.start() + 1}"
            raise BadField(Reason.CONTROL_CHARACTERS, detail)
        text = _CONTROL.sub("", text)
    text = unicodedata.normalize("NFC", text).strip()
    return text if any(map(_shows, text)) else None


def _shows(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Zs", "Zl", "Zp")


def parse_tags(value: Any, config: DataConfig) -> list[str]:
    """Tags: a list of texts; in CSV `a|b|c`. Empty ones are dropped."""
    if _is_absent(value):
        return []
    if isinstance(value, str):
        value = value.split("|")
    if not isinstance(value, (list, tuple)):
        raise _wrong_type("a list of texts", value)
    if len(value) > config.max_tags:
        raise BadField(Reason.TOO_LONG, f"{len(value)} tags, at most {config.max_tags}")
    tags = (parse_text(tag, config, longest=200) for tag in value)
    return [tag for tag in tags if tag is not None]


def parse_date(value: Any, now: int) -> int | None:
    """Microseconds since 1970 UTC, from ISO 8601, a timestamp, or a number of Unix seconds.

    A time without a zone is UTC.

    Args:
        value: raw.
        now: in microseconds; what lies more than a day ahead of it is refused.
    """
    if _is_absent(value):
        return None
    instant = _instant(value)
    if instant > now + _SKEW:
        is_number = isinstance(value, (int, float)) and not isinstance(value, Microseconds)
        milliseconds = is_number and 0 < instant // 1000 <= now + _SKEW
        hint = "; looks like milliseconds, give seconds" if milliseconds else ""
        raise BadField(Reason.FUTURE_DATE, f"{value}{hint}"[:100])
    if instant < 0:
        raise BadField(Reason.OLD_DATE, str(value)[:100])
    return instant


def _instant(value: Any) -> int:
    match value:
        case Microseconds():
            return value
        case bool():
            raise _wrong_type("a date", value)
        case int():
            return value * _MICROSECONDS
        case float():
            if not math.isfinite(value):
                raise BadField(Reason.NOT_A_DATE, str(value))
            if abs(value) > _MOST_SECONDS:
                raise BadField(Reason.FUTURE_DATE if value > 0 else Reason.OLD_DATE, str(value))
            return int(value * _MICROSECONDS)
        case str():
            return _instant_of_text(value.strip())
        case _:
            raise _wrong_type("a date", value)


def _instant_of_text(text: str) -> int:
    # Eight digits are a day (20240131); any other bare number is Unix seconds.
    if _NUMBER.fullmatch(text) and len(text) != 8:
        return _instant(float(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadField(Reason.NOT_A_DATE, text[:100]) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * _DAY + since.seconds * _MICROSECONDS + since.microseconds


def parse_flag(value: Any) -> bool:
    """True or false; absent is false."""
    if _is_absent(value):
        return False
    word = str(value).strip().lower() if isinstance(value, (bool, int, str)) else ""
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise _wrong_type("true or false", value)


def parse_value(value: Any) -> float | None:
    """A finite number."""
    if _is_absent(value):
        return None
    if isinstance(value, (bool, Microseconds)) or not isinstance(value, _NUMERIC):
        raise _wrong_type("a number", value)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _wrong_type("a number", value) from None
    if not math.isfinite(number):
        raise BadField(Reason.NOT_FINITE, str(value)[:100])
    return number


def parse_kind(value: Any, config: DataConfig) -> str:
    """One of the configured kinds of reaction, in lower case."""
    if _is_absent(value):
        raise BadField(Reason.MISSING)
    if not isinstance(value, str):
        raise _wrong_type("text", value)
    _refuse_broken(value)
    kind = value.strip().lower()
    if kind not in config.reaction_kinds:
        raise BadField(Reason.UNKNOWN_KIND, f"{kind[:50]!r}; set reaction_kinds to allow it")
    return kind


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _refuse_broken(text: str) -> None:
    if found := _SURROGATE.search(text):
        raise BadField(Reason.BROKEN_UTF8, f"at character {found.start() + 1}")


def _wrong_type(wanted: str, value: Any) -> BadField:
    shown = "" if isinstance(value, (bytes, dict, list, tuple)) else f" {value!r:.50}"
    return BadField(Reason.WRONG_TYPE, f"must be {wanted}, is {type(value).__name__}{shown}")
