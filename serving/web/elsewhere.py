"""Every other path: a page that says that there is none."""

from fastapi import APIRouter
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from serving.web.site import Site
from training.errors import NotFound

_NOT_PAGES = ("v1", "healthz", "readyz", "metrics", "openapi.json", "docs", "redoc")


class _Elsewhere(StringConvertor):
    """A path of no page; the API answers for its own."""

    regex = rf"(?!(?:{'|'.join(name.replace('.', '[.]') for name in _NOT_PAGES)})(?:/|$)).*"


register_url_convertor("elsewhere", _Elsewhere())


def add(router: APIRouter, site: Site) -> None:
    """Add the page for all paths without one; it must come last."""

    @site.page(router, "/{path:elsewhere}")
    async def nothing(request: Request) -> Response:
        raise NotFound("there is no page here", hint="It may have been moved or deleted.")
