"""What a route says of itself: who may ask, what comes back, and every way in which it fails."""

from typing import Any

from fastapi import Depends
from pydantic import BaseModel

from serving.api.problems import MEDIA_TYPE
from serving.api.reading import JSON
from serving.security.guard import requires
from serving.security.keys import Scope

_WHY = {
    400: "The body can't be read.",
    401: "No API key came, or none that is good.",
    403: "The key may not do this, or another site's page asked.",
    404: "There is no such person, post or page.",
    409: "It contradicts what is there, or the index is of another model.",
    410: "It was deleted for good.",
    413: "The body is larger than this route takes.",
    415: "The body's media type is not taken here.",
    422: "A field is wrong; `errors` names it.",
    429: "Too many requests.",
    500: "Something failed unexpectedly.",
    503: "Too much to do, or a part is down.",
}
_ALWAYS = (401, 403, 404, 409, 422, 429, 500, 503)
_WITH_BODY = (400, 413, 415)
_HEADERS = {
    401: {"WWW-Authenticate": ("How to prove who asks.", {"type": "string"})},
    429: {"Retry-After": ("Seconds to wait.", {"type": "integer"})},
    503: {"Retry-After": ("Seconds to wait.", {"type": "integer"})},
}
REQUEST_ID = {
    "X-Request-Id": {
        "description": "Names the request in the logs.",
        "required": True,
        "schema": {"type": "string"},
    }
}


def documented(
    model: type[BaseModel],
    example: Any,
    scope: Scope | None = Scope.READ,
    *,
    body: type[BaseModel] | None = None,
    body_example: Any = None,
    tagged: bool = False,
    also: tuple[int, ...] = (),
) -> dict[str, Any]:
    """Arguments for a route's decorator.

    Args:
        model: of its answer.
        example: of its answer, as JSON.
        scope: what a key needs to ask; None: no key.
        body: model of the JSON that it reads.
        body_example: of it.
        tagged: whether the answer has an ETag.
        also: statuses of failures that not all routes have.
    """
    failures = {*also, *(_ALWAYS if scope else (500,)), *(_WITH_BODY if body else ())}
    extra: dict[str, Any] = {}
    if scope:
        extra["security"] = [{"bearer": [scope]}, {"header": [scope]}, {"cookie": [scope]}]
    if body:
        content = {JSON: {"schema": reference(body), "example": body_example}}
        extra["requestBody"] = {"required": True, "content": content}
    return {
        "response_model": model,
        "responses": {
            200: {"content": {JSON: {"example": example}}, "headers": REQUEST_ID},
            **({304: {"description": "You have it already."}} if tagged else {}),
            **{status: failure(status) for status in sorted(failures)},
        },
        "dependencies": [Depends(requires(scope))] if scope else [],
        "openapi_extra": extra,
    }


def failure(status: int) -> dict[str, Any]:
    """The description of an answer that is a problem."""
    headers: dict[str, Any] = dict(REQUEST_ID)
    for name, (text, schema) in _HEADERS.get(status, {}).items():
        headers[name] = {"description": text, "required": True, "schema": schema}
    return {
        "description": _WHY[status],
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def reference(model: type[BaseModel]) -> dict[str, str]:
    """A reference to a model among the document's components."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}
