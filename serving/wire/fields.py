"""Types of single fields, with the limits that the whole API shares."""

import base64
import binascii
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

TEXT_BYTES = 8 * 1024
IMAGE_BYTES = 10 * 1024 * 1024
IMAGE_MEGAPIXELS = 40
BATCH = 128
PAGE = 100

ID_PATTERN = r"^[A-Za-z0-9_.:@/-]{1,128}$"


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


UserId = Annotated[str, StringConstraints(pattern=ID_PATTERN), Field(examples=["nicu-buculei"])]
PostId = Annotated[
    str, StringConstraints(pattern=ID_PATTERN), Field(examples=["food/fruit/banana"])
]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=TEXT_BYTES),
    AfterValidator(_whole),
    AfterValidator(_short),
    Field(examples=["a red bird"]),
]
"""At most 8 KiB of UTF-8."""
Image = Annotated[
    bytes,
    BeforeValidator(_decoded),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "minLength": 4}),
]
"""A JPEG, PNG, WebP or GIF in base64: 10 MiB and 40 megapixels at most."""
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_whole)]
Language = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$"), Field(examples=["en"])
]
Kind = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$"), Field(examples=["like"])
]
Limit = Annotated[int, Field(ge=1, le=PAGE)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,512}$")]
"""What an answer gave as `next_cursor`; opaque."""
