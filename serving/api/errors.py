"""Every error, whoever raised it, becomes a problem."""

from collections.abc import Sequence
from typing import cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.api.problems import of_body, of_error, of_validation, problem
from serving.api.reading import InvalidBody
from serving.security.guard import Guard
from training.errors import CommonspaceError


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Have an application answer its errors with problems.

    Args:
        app: the application.
        routes: all of them, to say which methods a path has.
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
            allowed = sorted(_methods(routes, request.scope["path"]))
            headers = {"allow": ", ".join(allowed)}
            detail = f"this path takes {headers['allow']}"
        return problem(request.scope, found.status_code, detail, headers=headers)

    app.add_exception_handler(CommonspaceError, on_error)
    app.add_exception_handler(RequestValidationError, on_parameters)
    app.add_exception_handler(InvalidBody, on_body)
    app.add_exception_handler(HTTPException, on_http)


def _methods(routes: Sequence[BaseRoute], path: str) -> set[str]:
    """All methods of all routes at a path; the framework itself tells those of the first."""
    return {
        method
        for route in routes
        if isinstance(route, Route) and route.path_regex.match(path)
        for method in route.methods or ()
    }
