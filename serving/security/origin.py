"""From where: other sites can't use a browser that may ask here."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.api.problems import of_error, problem
from serving.security.guard import Guard
from training.errors import Forbidden

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class OriginCheck:
    """Refuses other sites' writes and, in development mode, other names than the loopback's.

    Without keys the browser of someone who looks at a hostile page could be made to ask here, under
    a name that the page's owner resolves to 127.0.0.1 (DNS rebinding): the name gives it away.

    Args:
        app: any ASGI application.
        guard: its mode and settings count.
    """

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard
        self._allowed = frozenset(guard.config.cors_origins)
        self._hosts = _LOOPBACK | frozenset(name.lower() for name in guard.config.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the application answer."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        error = self._wrong_host(headers) or self._wrong_origin(scope.get("method", ""), headers)
        if error is None:
            return await self._app(scope, receive, send)
        await of_error(scope, error)(scope, receive, send)

    def _wrong_host(self, headers: Headers) -> Forbidden | None:
        if not self._guard.open or _name(headers.get("host", "")) in self._hosts:
            return None
        return Forbidden(
            "in development mode only this machine is answered, by its loopback name",
            hint="ask http://127.0.0.1 or http://localhost, or serve with keys",
        )

    def _wrong_origin(self, method: str, headers: Headers) -> Forbidden | None:
        origin = headers.get("origin")
        if method in _SAFE or (origin is not None and origin in self._allowed):
            return None
        site = headers.get("sec-fetch-site", "same-origin").lower()
        same = origin is None or _authority(origin) == headers.get("host", "").lower()
        if same and site in ("same-origin", "none"):
            return None
        return Forbidden(
            "another site's page may not ask for this",
            hint="the operator can allow its origin by the setting cors_origins",
        )


class CrossOrigin(CORSMiddleware):
    """Starlette's, but what it refuses is a problem like every other."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a browser that asks before it sends something."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        headers = {name: value for name, value in answer.headers.items() if "content-" not in name}
        return problem({}, answer.status_code, bytes(answer.body).decode(), headers=headers)


def _authority(origin: str) -> str | None:
    """Host and port of an origin; None of `null` and of what is none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() or None


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        parts = urlsplit(f"//{host}")
        return "" if "@" in host else (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""
