"""Answers as JSON, with a tag by which a client knows that it has them already."""

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response


def answer(
    model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A model as JSON; nobody between us and the client keeps it."""
    body = model.model_dump_json().encode()
    headers = {"cache-control": "no-store", **(headers or {})}
    return Response(body, status, headers, "application/json")


def tagged(request: Request, model: BaseModel, but: frozenset[str] = frozenset()) -> Response:
    """A model as JSON with a weak ETag; 304 without a body if the client has it.

    Args:
        request: what was asked.
        model: the answer.
        but: fields that differ each time, and make it no other answer.
    """
    body = model.model_dump_json().encode()
    same = model.model_dump_json(exclude=set(but)).encode() if but else body
    etag = f'W/"{hashlib.blake2b(same, digest_size=16).hexdigest()}"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if has(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def has(request: Request, etag: str) -> bool:
    """Whether If-None-Match names the tag; weak and strong tags are compared alike."""
    asked = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    return asked.strip() == "*" or etag.removeprefix("W/") in tags
