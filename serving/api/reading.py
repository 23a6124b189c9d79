"""Reading bodies: JSON exactly as the schema says, and pictures as form data."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from anyio import to_thread
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from serving.security.refusals import BadFields, WrongFormat
from serving.wire.fields import BATCH

M = TypeVar("M", bound=BaseModel)
JSON = "application/json"
FORM = "multipart/form-data"
_LONG = 1 << 18
_FIELD = "images"


class InvalidBody(Exception):
    """A body isn't JSON or breaks the schema; the application answers it with a problem."""

    def __init__(self, error: ValidationError) -> None:
        super().__init__("invalid body")
        self.error = error


def json_body(model: type[M]) -> Callable[[Request], Awaitable[M]]:
    """A FastAPI dependency: the body as a model.

    Strict: a number in quotes is no number. FastAPI's own reading would take it.

    Raises: WrongFormat, InvalidBody.
    """

    async def read(request: Request) -> M:
        kind = media_type(request)
        if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
            raise WrongFormat(f"the body must be {JSON}", hint=f"send Content-Type: {JSON}")
        return await parse(model, await request.body())

    return read


async def parse(model: type[M], body: bytes) -> M:
    """Read JSON; a long one off the event loop. Raises: InvalidBody."""
    try:
        if len(body) < _LONG:
            return model.model_validate_json(body, strict=True)
        return await to_thread.run_sync(lambda: model.model_validate_json(body, strict=True))
    except ValidationError as error:
        raise InvalidBody(error) from None


async def form_images(request: Request) -> list[bytes]:
    """The files of a form's repeated field `images`, in order.

    Raises: BadFields; HTTPException for a form that can't be read.
    """
    async with request.form(max_files=BATCH, max_fields=BATCH, max_part_size=1024) as form:
        fields = form.multi_items()
        bad = {f"body.{name}": "no such field" for name, _ in fields if name != _FIELD}
        files = [value for name, value in fields if name == _FIELD]
        if not files:
            bad[f"body.{_FIELD}"] = "is required"
        for place, value in enumerate(files):
            if not isinstance(value, UploadFile):
                bad[f"body.{_FIELD}.{place}"] = "must be a file: give it a filename"
        if bad:
            raise BadFields(bad)
        return [await file.read() for file in files if isinstance(file, UploadFile)]


def media_type(request: Request) -> str:
    """The body's media type in lower case, without parameters; empty if none is named."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
