"""Ray for a command: a small one on this machine, or the cluster that the settings name."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from pydantic import Field

from training.config import Config
from training.errors import Refused, Unavailable

MEGABYTE = 1_000_000
CLIENT_PORT = 10001  # of an address such as ray://head
PATIENCE_S = 5
STARTS = 3
"""How often Ray is started on this machine: it gives itself 30 s, too little for a busy one."""


class RayConfig(Config):
    """Where Ray runs."""

    address: str | None = None
    """Of a cluster, as `ray.init` takes it; None starts Ray on this machine and stops it after."""
    cpus: int | None = None
    """Of a local Ray; None: what the machine has, two at least (a training has two workers)."""
    object_store_mb: int = 400
    """Memory of a local Ray's object store."""
    metrics_port: int | None = Field(default=None, ge=1, le=65_535)
    """Where a local Ray shows its figures to Prometheus; None: at any port that is free."""


@contextmanager
def ray_session(config: RayConfig) -> Iterator[None]:
    """Ray for the body of a `with`; a session that is already open is used and left open.

    A local session has no dashboard, and asks for Ray's token (Ray's own default), so that nobody
    else on the machine can run code in it.

    Raises: Unavailable if Ray doesn't start or the cluster doesn't answer; Refused if the cluster
        doesn't take the token.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    if config.address:
        _connect(config.address)
    else:
        _start(config)
    try:
        yield
    finally:
        ray.shutdown()


def _start(config: RayConfig) -> None:
    import ray

    # nobody reclaims the only machine there is, and its watcher logs an error at each start
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    for _ in range(STARTS):
        try:
            ray.init(
                address="local",
                num_cpus=config.cpus or max(2, len(usable_cpus())),
                object_store_memory=config.object_store_mb * MEGABYTE,
                include_dashboard=False,
                _metrics_export_port=config.metrics_port,
                logging_level=logging.WARNING,
                runtime_env={"worker_process_setup_hook": "infra.quiet.settle_worker"},
            )
            return
        except Exception as error:  # Ray has no class for it
            if "timed out during startup" not in str(error):
                raise
            ray.shutdown()
    raise Unavailable(
        f"Ray did not start on this machine, tried {STARTS} times",
        hint="it is too busy or short of memory: try again later, or name a cluster (RAY_ADDRESS)",
    )


def _connect(address: str) -> None:
    import ray
    from ray.exceptions import AuthenticationError

    probe(address)
    try:
        ray.init(address=address, logging_level=logging.WARNING)
    except (ConnectionError, TimeoutError, AuthenticationError, RuntimeError) as error:
        if isinstance(error, AuthenticationError) or "InvalidAuthToken" in str(error):
            raise Refused(
                f"the Ray cluster at {address} asks for a token and got none or a wrong one",
                hint="set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN",
            ) from None
        raise _unreachable(address, error) from None


def probe(address: str) -> None:
    """Knock at a cluster's address: `ray.init` tries a dead one for minutes.

    Raises: Unavailable. `auto` names no address, and passes.
    """
    parts = urlsplit(address if "://" in address else f"//{address}")
    if not parts.netloc or address == "auto":
        return
    try:
        socket.create_connection((parts.hostname, parts.port or CLIENT_PORT), PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise _unreachable(address, error) from None


def _unreachable(address: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"can't join the Ray cluster at {address}: {error}",
        hint="check RAY_ADDRESS, or unset it to run on this machine alone; "
        "to send work to a cluster from outside use `commonspace submit`",
    )


def usable_cpus() -> set[int]:
    """The processors that this process may run on."""
    try:
        return os.sched_getaffinity(0)  # only Linux tells
    except AttributeError:
        return set(range(os.cpu_count() or 1))
