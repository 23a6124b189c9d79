"""Calls from one deployment to another: errors that are ours again, and another try for a dead one.

A request that is inside a replica when its process dies is lost, and Ray Serve leaves it at that.
Everything that is called here may be repeated: encoders and the recommender change nothing, and
writes are idempotent.
"""

import asyncio
import functools
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from serving import tracing
from serving.carrying import Carried, carried, resumed
from serving.measures import CALL_SECONDS, CALLS_UNDER_WAY, REFUSED
from serving.watch import recorder
from training.errors import CommonspaceError, Unavailable

ATTEMPTS = 6
_PAUSE_S = 0.2
_log = logging.getLogger(__name__)
_under_way: Counter[str] = Counter()


class Busy(Unavailable):
    """More requests wait than may; nothing was done."""


async def call(method: Any, *args: Any) -> Any:
    """Ask a deployment.

    Args:
        method: of a handle, for example `handle.encode`.
        args: what it takes.
    Raises: Busy if its queue is full; Unavailable if its replicas keep dying; what it raises.
    """
    part, name = _named(method)
    with _counted(part), tracing.inner(f"call {part}.{name}", "CLIENT"):
        begun = time.perf_counter()
        try:
            return await _answered(method, args)
        except Busy:
            recorder().add(REFUSED, part=part)
            raise
        finally:
            recorder().observe(CALL_SECONDS, time.perf_counter() - begun, part=part, method=name)


async def _answered(method: Any, args: tuple[Any, ...]) -> Any:
    from ray.exceptions import RayActorError, RayTaskError
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

    along = carried()
    named = {} if along is None else {"carried": along}
    for attempt in range(ATTEMPTS):
        try:
            answer = await method.remote(*args, **named)
        except BackPressureError:
            raise Busy("too many requests at once", hint="try again in a second") from None
        except (RayActorError, DeploymentUnavailableError) as error:
            _log.warning("a replica was lost, again (%d): %s", attempt + 1, type(error).__name__)
            await asyncio.sleep(_PAUSE_S * 2**attempt)
        except RayTaskError as error:
            if isinstance(error.cause, RayActorError):  # two calls away
                continue
            if isinstance(error.cause, BackPressureError):
                raise Busy("too many requests at once", hint="try again in a second") from None
            raise
        else:
            if isinstance(answer, Failed):
                raise answer.error
            return answer
    raise Unavailable("a part of the service is starting again", hint="try again in some seconds")


@dataclass(frozen=True)
class Failed:
    """An error on its way to the caller as a value: Serve would log it with all that it says."""

    error: CommonspaceError


def answering(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A method of a replica whose `CommonspaceError`s are raised where `call` asked for it.

    Its log lines have the ids of the request, and its spans are part of its trace.
    """

    @functools.wraps(method)
    async def answer(*args: Any, carried: Carried | None = None, **kwargs: Any) -> Any:
        with resumed(carried, method.__qualname__):
            try:
                return await method(*args, **kwargs)
            except CommonspaceError as error:
                return Failed(error)

    return answer


def _named(method: Any) -> tuple[str, str]:
    """The part that is asked, and what."""
    options = getattr(method, "handle_options", None)
    return getattr(method, "deployment_name", "here"), getattr(options, "method_name", "call")


@contextmanager
def _counted(part: str) -> Iterator[None]:
    """Count a call as long as it is under way."""
    _under_way[part] += 1
    recorder().set(CALLS_UNDER_WAY, _under_way[part], part=part)
    try:
        yield
    finally:
        _under_way[part] -= 1
        recorder().set(CALLS_UNDER_WAY, _under_way[part], part=part)
