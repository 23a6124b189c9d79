"""Types of single fields, with the limits that the whole API shares."""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

TEXT_BYTES = 8 * 1024
IMAGE_BYTES = 10 * 1024 * 1024
IMAGE_MEGAPIXELS = 40
BATCH = 128
PAGE = 100

ID_PATTERN = r"^[A-Za-z0-9_.:@/-]{1,128}$"
_WHOLE = r"^[^\u0000]*$"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def one_of(*names: str) -> dict[str, Any]:
    """For `json_schema_extra`: exactly one of the fields is there and isn't null."""
    return {"oneOf": [_given(name) for name in names]}


def any_of(*names: str) -> dict[str, Any]:
    """For `json_schema_extra`: one of the fields at least is there and isn't null."""
    return {"anyOf": [_given(name) for name in names]}


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class Message(BaseModel):
    """A body: unknown fields are errors, so that a misspelt one isn't passed over in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _short(text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > TEXT_BYTES:
        raise ValueError(f"is {size} bytes of UTF-8, at most {TEXT_BYTES}")
    return text


def _whole(text: str) -> str:
    """JSON can spell half a character, which no database and no tokenizer takes."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half of a surrogate pair: not a text in UTF-8")
    if "\x00" in text:
        raise ValueError("holds a null character")
    return text


def _decoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a text in base64")
    if len(value) > 4 * (IMAGE_BYTES // 3 + 1):
        raise ValueError(f"is more than {IMAGE_BYTES} bytes")
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    if len(data) > IMAGE_BYTES:
        raise ValueError(f"is {len(data)} bytes, at most {IMAGE_BYTES}")
    return data


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _rfc3339(value: Any) -> datetime:
    """Pydantic also takes a number of seconds, in quotes or not: the schema promises no such."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be a time such as 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise ValueError("is no time that exists") from None


def _integral(value: Any) -> Any:
    """To JSON Schema 20.0 is an integer, and to JavaScript it is 20."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


UserId = Annotated[str, StringConstraints(pattern=ID_PATTERN), Field(examples=["nicu-buculei"])]
PostId = Annotated[
    str, StringConstraints(pattern=ID_PATTERN), Field(examples=["food/fruit/banana"])
]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=TEXT_BYTES),
    AfterValidator(_whole),
    AfterValidator(_short),
    Field(examples=["a red bird"], json_schema_extra={"pattern": _WHOLE}),
]
"""At most 8 KiB of UTF-8."""
Image = Annotated[
    bytes,
    BeforeValidator(_decoded),
    PlainSerializer(
        lambda data: base64.b64encode(data).decode(), return_type=str, when_used="json"
    ),
    WithJsonSchema(
        {"type": "string", "contentEncoding": "base64", "format": "base64-image", "minLength": 4}
    ),
]
"""A JPEG, PNG, WebP or GIF in base64: 10 MiB and 40 megapixels at most."""
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    AfterValidator(_whole),
    Field(json_schema_extra={"pattern": _WHOLE}),
]
Category = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    AfterValidator(_whole),
    Field(json_schema_extra={"pattern": _WHOLE}, examples=["animals"]),
]
Language = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$"), Field(examples=["en"])
]
Kind = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$"), Field(examples=["like"])
]
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_rfc3339),
    AfterValidator(_in_utc),
    Field(examples=["2026-01-31T12:00:00Z"]),
]
"""A time as RFC 3339 writes it, with its zone; UTC once it is read."""
Limit = Annotated[int, Field(ge=1, le=PAGE), BeforeValidator(_integral)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,512}$")]
"""What an answer gave as `next_cursor`; opaque."""
