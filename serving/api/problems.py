"""Errors as `application/problem+json` (RFC 9457): what is wrong, where, and what to do."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import Scope

from serving.security.refusals import BadFields
from serving.wire.operations import FieldProblem, Problem
from training.errors import CommonspaceError

MEDIA_TYPE = "application/problem+json"
_MOST_FIELDS = 20
_LONGEST = 100
_BUSY = "a part of the service does not answer"
_RETRY_S = 1


def problem(
    scope: Scope,
    status: int,
    detail: str,
    *,
    slug: str | None = None,
    hint: str = "",
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error's answer.

    Args:
        scope: of the request; its id is named.
        status: HTTP status.
        detail: what is wrong. Long words are cut: nobody's input comes back in full.
        slug: end of the type's URN; from the status if None.
        hint: what to do.
        errors: which fields are wrong, and how; the first 20 are told.
        headers: to send with it.
    """
    title = HTTPStatus(status).phrase
    body = Problem(
        type=f"urn:commonspace:problem:{slug or _kebab(title.replace(' ', ''))}",
        title=title,
        status=status,
        detail=cut(detail),
        hint=cut(hint) or None,
        request_id=scope.get("state", {}).get("request_id"),
        errors=list(errors[:_MOST_FIELDS]),
    )
    return Response(body.model_dump_json(), status, headers, MEDIA_TYPE)


def of_error(scope: Scope, error: CommonspaceError, *, frank: bool = False) -> Response:
    """The answer to an error that a user can act on.

    Args:
        scope: of the request.
        error: what was raised.
        frank: tell what is wrong inside the server, too; else only that something is.
    """
    status = error.http_status
    headers = {}
    if status in (429, 503):
        headers["retry-after"] = str(getattr(error, "retry_after", _RETRY_S))
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="commonspace"'
    inside = status >= 500 and not frank
    fields = error.fields if isinstance(error, BadFields) else {}
    return problem(
        scope,
        status,
        _BUSY if inside else error.message,
        slug=_kebab(type(error).__name__),
        hint="try again in a moment" if inside else error.hint,
        errors=[_field(name, reason) for name, reason in fields.items()],
        headers=headers,
    )


def of_validation(scope: Scope, found: Sequence[Mapping[str, Any]], root: str = "") -> Response:
    """The answer to input that breaks the schema: each field, without the value that it had.

    Args:
        scope: of the request.
        found: as pydantic and FastAPI report.
        root: what the fields' paths begin with.
    """
    errors = [
        _field(
            ".".join(str(part)[:_LONGEST] for part in (root, *one["loc"]) if part != ""), _why(one)
        )
        for one in found
    ]
    detail = "; ".join(f"{one.field}: {one.reason}" for one in errors[:3])
    return problem(scope, 422, detail, slug="invalid-request", errors=errors)


def of_body(scope: Scope, error: ValidationError) -> Response:
    """The answer to a JSON body that can't be read (400) or breaks the schema (422)."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return problem(scope, 400, f"body: {found[0]['msg']}", slug="malformed")
    return of_validation(scope, found, "body")


def cut(text: str) -> str:
    """The text with words of more than 100 characters shortened."""
    return re.sub(rf"\S{{{_LONGEST},}}", lambda word: word[0][: _LONGEST - 1] + "…", text)


def _field(name: str, reason: str) -> FieldProblem:
    return FieldProblem(field=cut(name), reason=cut(reason))


def _path(root: str, location: Sequence[object]) -> str:
    return ".".join(str(part)[:_LONGEST] for part in (root, *location) if part != "")


def _why(found: Mapping[str, Any]) -> str:
    if found["type"] == "extra_forbidden":
        return "no such field"
    if found["type"] == "missing":
        return "is required"
    return str(found["msg"]).removeprefix("Value error, ")


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.replace("-", "")).lower()
