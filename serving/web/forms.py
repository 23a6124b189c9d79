"""What browsers send in forms."""

import base64
import binascii
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from training.errors import BadData

_FIELDS = 40


@dataclass(frozen=True)
class Sent:
    """A form.

    Attributes:
        words: texts by the names of their fields.
        picture: that was chosen, or kept in the page from before.
    """

    words: dict[str, str]
    picture: bytes | None


async def sent(request: Request) -> Sent:
    """Read the form. Raises: BadData if it can't be read."""
    try:
        async with request.form(max_files=1, max_fields=_FIELDS) as form:
            words = {name: value for name, value in form.items() if isinstance(value, str)}
            return Sent(words, await _chosen(form) or _kept(words))
    except HTTPException as error:
        raise BadData(f"the form can't be read: {error.detail}") from None


async def _chosen(form: FormData) -> bytes | None:
    file = form.get("image")
    return await file.read() if isinstance(file, UploadFile) else None


def _kept(words: dict[str, str]) -> bytes | None:
    if not words.get("kept"):
        return None
    try:
        return base64.b64decode(words["kept"], validate=True)
    except (binascii.Error, ValueError):
        raise BadData("the picture that was kept is damaged", hint="choose it again") from None
