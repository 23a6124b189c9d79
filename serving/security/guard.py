"""Who asks, and whether they may."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from anyio import to_thread
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from serving.security.config import SecurityConfig
from serving.security.keys import NOBODY, Key, KeyStore, Scope, split_key
from serving.security.rates import Rates
from training.errors import Forbidden, Refused

COOKIE = "commonspace_key"
_REMEMBERED = 1000
_COOKIE_S = 30 * 24 * 3600


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        key_id: of their key; None in development mode.
        name: of their key.
        scopes: what they may do.
    """

    key_id: str | None
    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether they may do this; an admin may do all."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


DEVELOPER = Caller(None, "development", frozenset(Scope))


class Guard:
    """Tells callers by their keys and counts what they ask for.

    Args:
        keys: the keys; None: development mode, in which everyone on this machine may do all.
        config: limits.
        clock: seconds; for what is remembered.
    """

    def __init__(
        self,
        keys: KeyStore | None,
        config: SecurityConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config or SecurityConfig()
        self._keys = keys
        self._clock = clock
        self._rates = Rates(self.config)
        self._known: OrderedDict[str, tuple[Key, float]] = OrderedDict()

    @property
    def open(self) -> bool:
        """Development mode: no keys."""
        return self._keys is None

    async def identify(self, request: HTTPConnection) -> Caller:
        """Who sends this request, by its Authorization, X-API-Key or cookie.

        Raises: Refused without a good key; TooMany after too many wrong ones.
        """
        if self.open:
            return DEVELOPER
        key = _presented(request)
        if key is None:
            raise Refused(
                "this needs an API key",
                hint="send it as `Authorization: Bearer cs_…`; `commonspace keys create` makes one",
            )
        return await self.check(key, self.address(request))

    async def check(self, key: str, address: str) -> Caller:
        """Whose key this is.

        An unknown id, a wrong secret, an expired and a revoked key are refused alike, by the same
        way. Raises: Refused; TooMany if too many wrong keys came from the address.
        """
        key_id, secret = split_key(key)
        if key_id not in self._known:  # who is behind the same address as a guesser goes on
            await self._rates.check_failures(address)
        found = await self._find(key_id)
        if not found.opens(secret, datetime.now(UTC)):
            await self._rates.check_failures(address)
            await self._rates.failed(address)
            raise Refused("this API key is not good", hint="it is unknown, revoked or expired")
        return Caller(found.key_id, found.name, found.scopes)

    async def admit(self, request: Request, scope: Scope) -> Caller:
        """Let a request through that may do this, and count it.

        Raises: Refused, Forbidden, TooMany.
        """
        caller = await self.identify(request)
        request.state.key_id = caller.key_id
        if caller.key_id is not None:
            request.state.budget = await self._rates.count(caller.key_id)
        if not caller.may(scope):
            raise Forbidden(
                f"this key may not {scope.value}", hint="its scopes were given when it was created"
            )
        return caller

    def address(self, request: HTTPConnection) -> str:
        """Where a request comes from; behind a trusted proxy, what that says."""
        address = request.client.host if request.client else ""
        trusted = self.config.trusted_proxies
        if address in trusted:
            forwarded = request.headers.get("x-forwarded-for", "").split(",")
            hops = [hop.strip() for hop in forwarded if hop.strip()]
            address = next((hop for hop in reversed(hops) if hop not in trusted), address)
        return address

    def remember(self, response: Response, key: str) -> None:
        """Have the browser send a key with each request of the page; no script can read it."""
        response.set_cookie(
            COOKIE,
            key,
            max_age=_COOKIE_S,
            httponly=True,
            samesite="strict",
            secure=self.config.secure_cookie,
        )

    def forget(self, response: Response) -> None:
        """Have the browser forget its key."""
        response.delete_cookie(
            COOKIE, httponly=True, samesite="strict", secure=self.config.secure_cookie
        )

    async def _find(self, key_id: str) -> Key:
        """A key as it was a few seconds ago at most; unknown ones aren't remembered."""
        assert self._keys is not None  # nobody asks in development mode
        remembered = self._known.get(key_id)
        if remembered and self._clock() < remembered[1]:
            self._known.move_to_end(key_id)
            return remembered[0]
        found = await to_thread.run_sync(self._keys.find, key_id)
        if found is None:
            self._known.pop(key_id, None)
            return NOBODY
        self._known[key_id] = (found, self._clock() + self.config.keys_cached_s)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found


def requires(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A FastAPI dependency: the caller, who may do this by `request.app.state.guard`.

    Raises: Refused, Forbidden, TooMany.
    """

    async def admitted(request: Request) -> Caller:
        guard: Guard = request.app.state.guard
        return await guard.admit(request, scope)

    return admitted


def _presented(request: HTTPConnection) -> str | None:
    """The key that came; the cookie counts last, since a browser sends it unasked."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key") or request.cookies.get(COOKIE)
