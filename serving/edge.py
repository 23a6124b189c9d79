"""What stands before the gateway, inside Ray Serve's own HTTP proxy.

Serve's proxy passes on whatever becomes of a request: a gateway that is killed while it holds one
ends it as 500, a full queue as plain text. Every route of ours may be repeated (reads change
nothing, writes are idempotent), so requests are kept here until they are answered, and asked again
if their gateway is lost; what the proxy itself says becomes problem+json.

The questions that search the index are let in a few at a time: what waits longer than it takes to
answer is of no use to anybody, and to say no here costs a tenth of saying it further in.

Switched on by `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=serving.edge:middlewares` in the
environment of the machines where the proxies run; `commonspace serve` sets it.
"""

import asyncio
import json
import os
import re
import secrets
import time

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.measures import QUESTIONS_INSIDE, REFUSED
from training.ray_recorder import RayRecorder
from training.recorder import SILENT, Recorder

MARK = b"x-commonspace"
"""Header by which the gateway's answers are told from the proxy's; it is taken off here."""
MOST_BYTES = 64 * 1024 * 1024
"""Of a body that is held; the gateway's own limits are lower."""
PATIENCE_S = 25.0
"""How long a request that lost its gateway is asked again."""
IN_FLIGHT = "COMMONSPACE_EDGE_IN_FLIGHT"
"""Environment variable: questions that one proxy lets in at the same time."""
_DEFAULT_IN_FLIGHT = 8
_QUESTION = re.compile(
    r"/v1/(search|sessions/.*|users/.+/(recommendations|similar|to-follow)|posts/.+/related)"
    r"|/people/.+|/search|/reactions|/boundaries"
)
_PAUSE_S = 0.25
_GOOD_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")


def middlewares() -> list[Middleware]:
    """What Ray Serve asks for when it starts a proxy."""
    in_flight = int(os.environ.get(IN_FLIGHT, _DEFAULT_IN_FLIGHT))
    return [Middleware(Edge, in_flight=in_flight, recorder=RayRecorder())]


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1><p>{detail}. Go back, or load this page again in a moment.</p></html>
"""


class Edge:
    """Holds each request until it has an answer of the gateway's.

    Args:
        app: the proxy.
        patience_s: see `PATIENCE_S`.
        in_flight: see `IN_FLIGHT`.
        recorder: counts what is let in and what is refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        patience_s: float = PATIENCE_S,
        in_flight: int = _DEFAULT_IN_FLIGHT,
        recorder: Recorder = SILENT,
    ) -> None:
        self._app = app
        self._patience_s = patience_s
        self._in_flight = in_flight
        self._inside = 0
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/-/"):  # Serve's own routes
            await self._app(scope, receive, send)
            return
        scope = {**scope, "headers": _identified(scope["headers"])}
        if not _QUESTION.fullmatch(scope["path"]):
            await self._ask(scope, receive, send)
        elif self._inside >= self._in_flight:
            self._recorder.add(REFUSED, part="edge")
            await _problem(scope, send, 503, "unavailable", "too many requests at once")
        else:
            self._count(1)
            try:
                await self._ask(scope, receive, send)
            finally:
                self._count(-1)

    def _count(self, change: int) -> None:
        self._inside += change
        self._recorder.set(QUESTIONS_INSIDE, self._inside)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            return  # the client left
        if len(body) > MOST_BYTES:
            await _problem(scope, send, 413, "too-large", f"more than {MOST_BYTES} bytes")
            return
        deadline = time.monotonic() + self._patience_s
        while True:
            answer, request = _Answer(scope), _Request(body, receive)
            await self._app(scope, request.receive, answer.take)
            if request.left:
                return
            if answer.ours:
                await answer.forward(send)
                return
            if answer.status == 503 or time.monotonic() > deadline:
                # full, or no copy there for long
                await _problem(scope, send, 503, "unavailable", "too many requests at once")
                return
            await asyncio.sleep(_PAUSE_S)


class _Answer:
    """An answer, kept until it is whole."""

    def __init__(self, scope: Scope) -> None:
        self._request_id = [header for header in scope["headers"] if header[0] == b"x-request-id"]
        self._messages: list[Message] = []
        self.status = 500
        self.ours = False

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [(name.lower(), value) for name, value in message["headers"]]
            self.ours = any(name == MARK for name, _ in headers)
            # the proxy adds a second request id
            kept = [header for header in headers if header[0] not in (MARK, b"x-request-id")]
            message = {**message, "headers": kept + self._request_id}
        self._messages.append(message)

    async def forward(self, send: Send) -> None:
        for message in self._messages:
            await send(message)


def _identified(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """With a request id of a form that may stand in logs, the client's if it is."""
    given = [value for name, value in headers if name == b"x-request-id"]
    others = [(name, value) for name, value in headers if name != b"x-request-id"]
    good = given[0] if given and _GOOD_ID.fullmatch(given[0]) else secrets.token_hex(8).encode()
    return [*others, (b"x-request-id", good)]


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or the beginning of one that is too large; None if the client left."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES or not message.get("more_body", False):
            return b"".join(parts)


class _Request:
    """The body once more; after it whatever the client does, such as leave."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive
        self.left = False

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._receive()
        self.left |= message["type"] == "http.disconnect"
        return message


def _wants_page(scope: Scope) -> bool:
    """Whether a person looks at the answer, rather than a program or a part of a page."""
    headers = dict(scope["headers"])
    return b"text/html" in headers.get(b"accept", b"") and not scope["path"].startswith("/v1/")


async def _problem(scope: Scope, send: Send, status: int, kind: str, detail: str) -> None:
    request_id = next(value for name, value in scope["headers"] if name == b"x-request-id")
    document = {
        "type": f"urn:commonspace:problem:{kind}",
        "title": {413: "Content too large", 503: "Service unavailable"}[status],
        "status": status,
        "detail": detail,
        "hint": "try again in a second" if status == 503 else None,
        "request_id": request_id.decode(),
        "errors": [],
    }
    if _wants_page(scope):
        media, body = b"text/html; charset=utf-8", _PAGE.format(**document).encode()
    else:
        media, body = b"application/problem+json", json.dumps(document).encode()
    headers = [
        (b"content-type", media),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id),
    ]
    if status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
