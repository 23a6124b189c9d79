"""Around every request: its id, a line in the log, metrics, and an answer whatever happens."""

import json
import logging
import re
import secrets
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import tracing
from serving.api.metrics import Metrics, known_method
from serving.api.problems import problem
from training.logs import bound

_ACCESS = logging.getLogger("commonspace.access")
_ERRORS = logging.getLogger("commonspace.errors")
_GOOD_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_WENT_AWAY = 499
"""As nginx logs a client that didn't wait; nobody gets it as an answer."""


class Observed:
    """Gives requests ids, logs and counts them, and answers for what fails unexpectedly.

    The log has no ids of people, no texts and no query: the route stands for the path.

    Args:
        app: any ASGI application.
        metrics: counts.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = _Request(scope, send, self._metrics)
        headers = Headers(scope=scope)
        with tracing.request_span(headers, request.id) as span, bound(request_id=request.id):
            await request.run(self._app, receive, span)


class _Request:
    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self._scope, self._send, self._metrics = scope, send, metrics
        asked = Headers(scope=scope).get("x-request-id", "")
        self.id = asked if _GOOD_ID.fullmatch(asked) else secrets.token_hex(12)
        self._state = scope.setdefault("state", {})
        self._state["request_id"] = self.id
        self._span: Any = None
        self._status: int | None = None
        self._complete = False

    async def run(self, app: ASGIApp, receive: Receive, span: Any) -> None:
        self._span = span
        begun = time.perf_counter()
        try:
            await app(self._scope, receive, self._sending)
        except ClientDisconnect:
            self._status = _WENT_AWAY
        except Exception:
            _ERRORS.exception("request %s failed unexpectedly", self.id)
            if self._status is not None and not self._complete:
                raise  # half an answer went out: the server has to break the connection
            if self._status is None:
                detail = "something went wrong here; the operator finds it by the request id"
                await problem(self._scope, 500, detail)(self._scope, receive, self._sending)
        finally:
            self._record(time.perf_counter() - begun)

    async def _sending(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.id
            if trace := tracing.response_header(self._span):
                headers["traceresponse"] = trace
            if budget := self._state.get("budget"):
                headers.update(budget.headers())
        elif message["type"] == "http.response.body":
            self._complete = not message.get("more_body", False)
        await self._send(message)

    def _record(self, seconds: float) -> None:
        route, method = _template(self._scope), self._scope["method"]
        status = self._status or 500
        method = known_method(method)
        self._metrics.observe(route, method, status, seconds)
        tracing.routed(self._span, method, route, status)
        line = {
            "method": self._scope["method"][:16],
            "route": route,
            "status": status,
            "milliseconds": round(1000 * seconds, 1),
            "request_id": self.id,
            "key_id": self._state.get("key_id"),
        }
        _ACCESS.info(json.dumps(line))


def _template(scope: Scope) -> str:
    """The route's path with its parameters' names; `none` where no route is."""
    return getattr(scope.get("route"), "path_format", None) or "none"
