"""Ray's client of a cluster's job server, held to the address it is given, with errors of ours."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from training.errors import BadConfig, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

LOCAL_CLUSTER = "http://127.0.0.1:8265"
_CHATTY = (  # uploads, their size, and closed streams are no news
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)


def job_server(address: str | None) -> str:
    """The URL that an address means. Raises: BadConfig if it can't be a job server's."""
    address = address or LOCAL_CLUSTER
    if "://" not in address:
        address = f"http://{address}"
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadConfig(
            f"{address!r} is not the address of a cluster's job server",
            hint="it is the dashboard's URL, such as http://HOST:8265",
        )
    return address.rstrip("/")


def connect(address: str, token: str | None) -> "JobSubmissionClient":
    """Ask the server for its version, and return a client. Raises: Unavailable, Refused."""
    from ray.job_submission import JobSubmissionClient

    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.ERROR)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with clear_errors(address, token), _without_address_variables():
        try:
            return JobSubmissionClient(address, headers=headers)
        except (RuntimeError, KeyError) as error:  # it answers, but not as Ray does
            raise _silence(address, error) from None


@contextlib.contextmanager
def _without_address_variables() -> Iterator[None]:
    """Hide RAY_ADDRESS while a client is made: Ray lets it override an address given in person."""
    names = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextlib.contextmanager
def clear_errors(address: str, token: str | None, job_id: str | None = None) -> Iterator[None]:
    """Turn what the client raises into errors that a user can act on.

    Raises: Unavailable, Refused; NotFound if the server doesn't know `job_id`.
    """
    import aiohttp
    import requests
    from ray.exceptions import AuthenticationError

    try:
        yield
    except AuthenticationError:
        raise _refusal(address, token) from None
    except requests.exceptions.InvalidHeader:
        raise Refused("the token holds characters that no token has") from None
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (401, 403):
            raise _refusal(address, token) from None
        raise _silence(address, error) from None
    except (requests.RequestException, aiohttp.ClientError, ConnectionError) as error:
        raise _silence(address, error) from None
    except RuntimeError as error:  # the client's only other error, with the answer in its text
        if job_id and ("status code 404" in str(error) or "does not exist" in str(error)):
            raise NotFound(
                f"the cluster at {address} has no job {job_id!r}",
                hint=f"see `commonspace jobs list --address {address}`",
            ) from None
        if "WebSocket" in str(error):
            raise _silence(address, error) from None
        raise


def _refusal(address: str, token: str | None) -> Refused:
    problem = "refuses the token" if token else "asks for a token"
    return Refused(
        f"the Ray cluster at {address} {problem}",
        hint="set RAY_AUTH_TOKEN, or name a file with --token-file; "
        "on the head node `ray get-auth-token` prints it",
    )


def _silence(address: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"no Ray job server answers at {address} ({type(error).__name__})",
        hint="check the address and that the cluster runs with its dashboard; "
        "locally: `ray start --head`",
    )


def blocking(chunks: Any) -> Generator[str, None, None]:
    """Walk an async stream from code that isn't async, be it called from a loop (a notebook)."""
    found: SimpleQueue[str | Exception | None] = SimpleQueue()
    loop = asyncio.new_event_loop()
    pumping = loop.create_task(_pump(chunks, found))
    thread = threading.Thread(target=_drive, args=(loop, pumping), name="job-stream", daemon=True)
    thread.start()
    try:
        while (chunk := found.get()) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk
    finally:
        loop.call_soon_threadsafe(pumping.cancel)
        thread.join()
        loop.close()


async def _pump(
    stream: AsyncGenerator[str, None], found: "SimpleQueue[str | Exception | None]"
) -> None:
    try:
        async with contextlib.aclosing(stream):
            async for chunk in stream:
                found.put(chunk)
        found.put(None)
    except Exception as error:
        found.put(error)


def _drive(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
