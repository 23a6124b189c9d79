"""Services of one machine: a small Ray while a command runs, MLflow in a SQLite file."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.quiet import quiet
from training.config import Config
from training.errors import Unavailable

MEGABYTE = 1_000_000


class RayConfig(Config):
    """Where Ray runs."""

    address: str | None = None
    """Of a cluster, as `ray.init` takes it; None starts Ray on this machine and stops it after."""
    cpus: int | None = None
    """Of a local Ray; None: what the machine has, two at least (a training has two workers)."""
    object_store_mb: int = 400
    """Memory of a local Ray's object store."""


@contextmanager
def ray_session(config: RayConfig) -> Iterator[None]:
    """Ray for the body of a `with`; a session that is already open is used and left open.

    A local session has no dashboard, and asks for Ray's token (Ray's own default), so that nobody
    else on the machine can run code in it. Raises: Unavailable if the cluster doesn't answer.
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

    quiet()
    ray.init(
        address="local",
        num_cpus=config.cpus or max(2, len(usable_cpus())),
        object_store_memory=config.object_store_mb * MEGABYTE,
        include_dashboard=False,
        logging_level=logging.WARNING,
        runtime_env={"worker_process_setup_hook": "infra.quiet.quiet"},
    )


def _connect(address: str) -> None:
    import ray
    from ray.exceptions import AuthenticationError

    try:
        ray.init(address=address, logging_level=logging.WARNING)
    except (ConnectionError, TimeoutError, AuthenticationError, RuntimeError) as error:
        raise Unavailable(
            f"can't join the Ray cluster at {address}: {error}",
            hint="unset RAY_ADDRESS to run on this machine alone; "
            "to send work to a cluster from outside use `commonspace submit`",
        ) from None


def usable_cpus() -> set[int]:
    """The processors that this process may run on."""
    try:
        return os.sched_getaffinity(0)  # only Linux tells
    except AttributeError:
        return set(range(os.cpu_count() or 1))


def local_tracking_uri(workspace: Path) -> str:
    """MLflow's store inside a workspace: one SQLite file, no server."""
    return f"sqlite:///{(workspace / 'mlflow.db').resolve()}"
