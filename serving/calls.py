"""Calls from one deployment to another: errors that are ours again, and another try for a dead one.

A request that is inside a replica when its process dies is lost, and Ray Serve leaves it at that.
Everything that is called here may be repeated: encoders and the recommender change nothing, and
writes are idempotent.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from training.errors import CommonspaceError, Unavailable

ATTEMPTS = 6
_PAUSE_S = 0.2
_log = logging.getLogger(__name__)


class Busy(Unavailable):
    """More requests wait than may; nothing was done."""


async def call(method: Any, *args: Any) -> Any:
    """Ask a deployment.

    Args:
        method: of a handle, for example `handle.encode`.
        args: what it takes.
    Raises: Busy if its queue is full; Unavailable if its replicas keep dying; what it raises.
    """
    from ray.exceptions import RayActorError, RayTaskError
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

    for attempt in range(ATTEMPTS):
        try:
            answer = await method.remote(*args)
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
    """A method of a replica whose `CommonspaceError`s are raised where `call` asked for it."""

    @functools.wraps(method)
    async def answer(*args: Any, **kwargs: Any) -> Any:
        try:
            return await method(*args, **kwargs)
        except CommonspaceError as error:
            return Failed(error)

    return answer
