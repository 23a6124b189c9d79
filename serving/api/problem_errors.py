"""Problems that came over the wire as the errors that they were."""

import requests
from pydantic import ValidationError

from serving.security.refusals import BadFields, Malformed, TooLarge, TooMany, WrongFormat
from serving.wire.operations import Problem
from training.errors import (
    BadConfig,
    BadData,
    CommonspaceError,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    Refused,
    Unavailable,
)

_BY_SLUG: dict[str, type[CommonspaceError]] = {
    "bad-config": BadConfig,
    "bad-data": BadData,
}
_BY_STATUS: dict[int, type[CommonspaceError]] = {
    400: Malformed,
    401: Refused,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    415: WrongFormat,
    422: BadData,
    503: Unavailable,
}


def error_of(answer: requests.Response) -> CommonspaceError:
    """The error that an answer's problem stands for, with its message and hint."""
    status = answer.status_code
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:  # a proxy's own page, for example
        problem = Problem(type="", title="", status=status, detail=f"HTTP status {status}")
    hint = problem.hint or ""
    if status == 429:
        asked = answer.headers.get("Retry-After", "")
        seconds = int(asked) if asked.isascii() and asked.isdigit() else 1
        return TooMany(problem.detail, retry_after=seconds, hint=hint)
    if problem.errors:
        return BadFields({one.field: one.reason for one in problem.errors})
    slug = problem.type.rpartition(":")[2]
    kind = _BY_SLUG.get(slug) or _BY_STATUS.get(status, CommonspaceError)
    return kind(problem.detail, hint=hint)
