"""Ids in the paths of pages."""

import re

from starlette.requests import Request

from serving.wire.fields import ID_PATTERN
from training.errors import NotFound

_ENCODED_SLASH = "\ufdd0"
"""As `serving.api.paths.EncodedSlashes` leaves it; in pages it is a slash like any other."""


def person_id(request: Request) -> str:
    """Raises: NotFound if no person can have it."""
    return _id(request.path_params["user_id"], "person")


def post_id(request: Request) -> str:
    """Raises: NotFound if no post can have it."""
    return _id(request.path_params["post_id"], "post")


def _id(value: str, what: str) -> str:
    value = value.replace(_ENCODED_SLASH, "/")
    if not re.fullmatch(ID_PATTERN, value):
        raise NotFound(f"no {what} {value!r:.140}")
    return value
