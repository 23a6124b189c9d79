"""Ids in paths: they may hold slashes, raw or as %2F.

`/v1/posts/a/b/related` are the relatives of `a/b`. Only `/v1/posts/a%2Frelated` is the post
`a/related`: an encoded slash never parts a path.
"""

from typing import Annotated
from urllib.parse import unquote

from fastapi import Path
from pydantic import BeforeValidator, StringConstraints
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.wire.fields import ID_PATTERN

_MARK = "\ufdd0"
"""Stands for an encoded slash until the path is taken apart; no character of any id."""
_PART = r"[A-Za-z0-9_:@-][A-Za-z0-9_.:@-]*"


class _Whole(StringConvertor):
    """An id before a word that belongs to the path."""

    regex = "(?s:.+)"


class _Post(StringConvertor):
    """A post's id at a path's end, which the words behind ids don't belong to."""

    regex = "(?s:.+)(?<!/related)(?<!/image)"


class _User(StringConvertor):
    """A person's id at a path's end."""

    regex = (
        "(?!(?s:.+)/boundaries(?:/|$))"
        "(?s:.+)(?<!/recommendations)(?<!/similar)(?<!/to-follow)(?<!/posts)"
    )


register_url_convertor("whole", _Whole())
register_url_convertor("post", _Post())
register_url_convertor("user", _User())


class EncodedSlashes:
    """Keeps the slashes that came as %2F apart from those that part the path.

    Args:
        app: whose routes take ids by `PathUserId`, `PathPostId` or `NewPostId`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer."""
        raw = scope.get("raw_path") or b""
        # a proxy before us may have decoded one of the two: then the path is all that we know
        if b"%2f" in raw.lower() and _MARK not in scope["path"]:
            text = raw.decode("ascii", "replace")
            if unquote(text) == scope["path"]:
                kept = text.replace("%2F", _MARK).replace("%2f", _MARK)
                scope["path"] = unquote(kept)  # in place: others read the route from this scope
        await self._app(scope, receive, send)


def _slashes(value: str) -> str:
    return value.replace(_MARK, "/")


PathUserId = Annotated[
    str,
    StringConstraints(pattern=ID_PATTERN),
    BeforeValidator(_slashes),
    Path(description="A person's id.", examples=["nicu-buculei"]),
]
PathPostId = Annotated[
    str,
    StringConstraints(pattern=ID_PATTERN),
    BeforeValidator(_slashes),
    Path(description="A post's id.", examples=["food/fruit/banana"]),
]
PathTarget = Annotated[
    str,
    StringConstraints(pattern=ID_PATTERN),
    BeforeValidator(_slashes),
    Path(description="Id of a person or of a post.", examples=["food/fruit/banana"]),
]
PathTag = Annotated[
    str,
    StringConstraints(pattern=r"^[^\u0000-\u001f\u007f-\u009f\ufdd0]{1,64}$"),
    BeforeValidator(_slashes),
    Path(description="A tag.", examples=["fruit"]),
]
NewPostId = Annotated[
    str,
    StringConstraints(pattern=rf"^{_PART}(/{_PART})*$", max_length=128),
    BeforeValidator(_slashes),
    Path(
        description="A post's id; none of its parts between slashes is empty or begins with a dot.",
        examples=["food/fruit/banana"],
    ),
]
