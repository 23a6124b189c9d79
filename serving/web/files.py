"""Styles, scripts and what others wrote: for everyone, since the page to sign in needs them."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from serving.web.rendering import STATIC
from serving.web.site import Site

_FOREVER = "public, max-age=31536000, immutable"


def add(router: APIRouter, site: Site) -> None:
    """Add `/static/…`."""
    found = StaticFiles(directory=STATIC)

    @router.get("/static/{path:path}", response_model=None)
    async def static(request: Request) -> Response:
        name = found.get_path({"path": request.path_params["path"]})
        answer = await found.get_response(name, request.scope)
        # addresses in pages hold a digest of the content
        named = "v" in request.query_params
        answer.headers["cache-control"] = _FOREVER if named else "no-cache"
        return answer
