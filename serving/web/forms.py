"""What browsers send in forms."""

import base64
import binascii

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from training.errors import BadData

_FIELDS = 40


async def form_of(request: Request) -> FormData:
    """The form. Raises: BadData if it can't be read."""
    try:
        return await request.form(max_files=1, max_fields=_FIELDS)
    except HTTPException as error:
        raise BadData(f"the form can't be read: {error.detail}") from None


async def words_of(request: Request) -> dict[str, str]:
    """The texts of the form by name. Raises: BadData."""
    form = await form_of(request)
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def picture_of(form: FormData) -> bytes | None:
    """The picture that was chosen, or the one kept in the page from before."""
    file = form.get("image")
    if isinstance(file, UploadFile):
        data = await file.read()
        if data:
            return data
    kept = form.get("kept")
    if not isinstance(kept, str) or not kept:
        return None
    try:
        return base64.b64decode(kept, validate=True)
    except (binascii.Error, ValueError):
        raise BadData("the picture that was kept is damaged", hint="choose it again") from None
