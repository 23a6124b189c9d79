"""Every error, whoever raised it, becomes a problem."""

from collections.abc import Sequence
from typing import cast

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.api.problems import of_body, of_error, of_validation, problem
from serving.api.reading import InvalidBody
from serving.security.guard import Guard
from training.errors import CommonspaceError

_ALL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def install(app: FastAPI, resources: Sequence[BaseRoute], pages: Sequence[BaseRoute]) -> None:
    """Have an application answer its errors with problems.

    Args:
        app: the application.
        resources: the API's routes, to say which methods a path has.
        pages: the other routes; they count where the API has none.
    """

    async def on_error(request: Request, error: Exception) -> Response:
        guard: Guard = request.app.state.guard
        return of_error(request.scope, cast(CommonspaceError, error), frank=guard.open)

    async def on_parameters(request: Request, error: Exception) -> Response:
        return of_validation(request.scope, cast(RequestValidationError, error).errors())

    async def on_body(request: Request, error: Exception) -> Response:
        return of_body(request.scope, cast(InvalidBody, error).error)

    async def on_http(request: Request, error: Exception) -> Response:
        found = cast(HTTPException, error)
        headers = dict(found.headers or {})
        detail = str(found.detail)
        if found.status_code == 404:
            detail = "there is nothing at this path"
        if found.status_code == 405:
            path = request.scope["path"]
            allowed = sorted(methods_at(resources, path) or methods_at(pages, path))
            headers = {"allow": ", ".join(allowed)}
            detail = f"this path takes {headers['allow']}"
        return problem(request.scope, found.status_code, detail, headers=headers)

    app.add_exception_handler(CommonspaceError, on_error)
    app.add_exception_handler(RequestValidationError, on_parameters)
    app.add_exception_handler(InvalidBody, on_body)
    app.add_exception_handler(HTTPException, on_http)


def reserved(resources: Sequence[BaseRoute]) -> APIRouter:
    """A router that keeps what begins with /v1/ from a page that would answer for every path."""
    router = APIRouter(include_in_schema=False)

    async def nothing(request: Request) -> Response:
        raise HTTPException(405 if methods_at(resources, request.scope["path"]) else 404)

    router.add_api_route("/v1/{rest:whole}", nothing, methods=list(_ALL))
    return router


def methods_at(routes: Sequence[BaseRoute], path: str) -> set[str]:
    """All methods of all routes at a path; the framework itself tells those of the first."""
    return {
        method
        for route in routes
        if isinstance(route, Route) and route.path_regex.match(path)
        for method in route.methods or ()
    }
