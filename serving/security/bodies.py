"""How much at once: bodies are counted while they come in."""

import re
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.problems import of_error, problem
from serving.security.refusals import TooLarge

MIB = 1 << 20
_PICTURES = (
    r"/v1/(embeddings/(images|users)|search)",
    r"/v1/posts/.+|/search",  # the page searches by a picture, too
)


@dataclass(frozen=True)
class BodyLimits:
    """Bytes that a body may have, by path.

    Attributes:
        default: for every path that no rule names: texts.
        rules: patterns that match whole paths, and their limits; the first that matches holds.
    """

    default: int = 3 * MIB // 2
    rules: tuple[tuple[str, int], ...] = field(
        default=((_PICTURES[0], 32 * MIB), (_PICTURES[1], 14 * MIB))
    )

    def of(self, path: str) -> int:
        """The limit of a path."""
        for pattern, limit in self.rules:
            if re.fullmatch(pattern, path):
                return limit
        return self.default


class BodyLimit:
    """Refuses bodies that are too large: by what they announce, else as soon as it shows.

    Args:
        app: any ASGI application.
        limits: by path.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits | None = None) -> None:
        self._app = app
        self._limits = limits or BodyLimits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the application answer."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._limits.of(scope["path"])
        error = TooLarge(f"the body is larger than {limit} bytes", hint="send less at once")
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced and not announced.isdigit():
            answer = problem(scope, 400, "Content-Length is not a number")
            return await answer(scope, receive, send)
        # int() refuses thousands of digits, which no honest length has
        if len(announced) > 18 or int(announced or 0) > limit:
            return await _refuse(error, scope, receive, send)
        await _Counted(self._app, limit, error).run(scope, receive, send)


class _Counted:
    """One request whose body is counted."""

    def __init__(self, app: ASGIApp, limit: int, error: TooLarge) -> None:
        self._app, self._limit, self._error = app, limit, error
        self._came = 0
        self._started = False

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counting() -> Message:
            message = await receive()
            self._came += len(message.get("body", b""))
            if self._too_large:
                raise self._error
            return message

        async def watched(message: Message) -> None:
            # an application may take the error for one of its own: its answer doesn't count
            if self._too_large and not self._started:
                return
            self._started = True
            await send(message)

        try:
            await self._app(scope, counting, watched)
        except TooLarge:
            if self._started:
                raise
        if self._too_large and not self._started:
            await _refuse(self._error, scope, receive, send)

    @property
    def _too_large(self) -> bool:
        return self._came > self._limit


async def _refuse(error: TooLarge, scope: Scope, receive: Receive, send: Send) -> None:
    answer = of_error(scope, error)
    answer.headers["connection"] = "close"  # the rest of the body won't be read
    await answer(scope, receive, send)
