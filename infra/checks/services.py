"""The services that the settings name: do they answer? Those of this machine start when needed."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from infra.checks.check import Check, Status
from infra.local import probe
from training.errors import BadConfig, CommonspaceError, Unavailable

if TYPE_CHECKING:
    from infra.product import ProductConfig

PATIENCE_S = 5


def look(config: "ProductConfig") -> Iterator[Check]:
    """One check for each service, and one for the cluster that takes jobs, if one is named."""
    yield _ray(config)
    yield from _jobs()
    yield _mlflow(config)
    yield _milvus(config)
    yield _events(config)


def _ray(config: "ProductConfig") -> Check:
    address = config.ray.address
    if address is None:
        return _embedded("Ray", "starts on this machine when a command needs it")
    if address == "auto":
        return _embedded("Ray", "the cluster that runs on this machine, found by a command")
    return _asked("Ray", address, lambda: probe(address))


def _jobs() -> Iterator[Check]:
    from infra.environment import cluster

    address, token = cluster()
    if address is not None:
        from training.jobs import Jobs

        yield _asked("Ray jobs", address, lambda: Jobs(address, token))


def _mlflow(config: "ProductConfig") -> Check:
    from training.tracking.reachability import (
        is_http,
        probe_database,
        probe_server,
        public_name,
        translated,
    )

    uri = config.tracking.uri
    if uri is None:
        return _embedded("MLflow", f"embedded, {config.workspace / 'mlflow.db'}")

    def ask() -> None:
        with translated(uri):
            probe_server(uri) if is_http(uri) else probe_database(uri)

    return _asked("MLflow", public_name(uri), ask)


def _milvus(config: "ProductConfig") -> Check:
    place = config.index.location(config.workspace)
    if not config.index.remote:
        return _embedded("Milvus", f"Lite, embedded, {place}")
    from recsys.milvus import Milvus

    quick = config.index.model_copy(update={"timeout_s": PATIENCE_S})
    return _asked("Milvus", place, lambda: Milvus(quick, config.workspace).close())


def _events(config: "ProductConfig") -> Check:
    url = config.events.url
    if "://" not in url:
        return _embedded("events", f"SQLite, {config.workspace / url}")
    return _asked("events", url, lambda: _open_database(config))


def _open_database(config: "ProductConfig") -> None:
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        url = make_url(config.events.url)
        if config.events.password:
            url = url.set(password=config.events.password.get_secret_value())
        patience = {"connect_timeout": PATIENCE_S} if url.drivername.startswith("postgres") else {}
        engine = create_engine(url, connect_args=patience)
        engine.connect().close()
        engine.dispose()
    except ModuleNotFoundError as error:
        raise BadConfig(str(error), hint="pip install 'commonspace[postgres]'") from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(reason, hint="check events.url / COMMONSPACE_EVENTS_URL") from None


def _embedded(name: str, found: str) -> Check:
    return Check("service", name, Status.OK, found)


def _asked(name: str, place: str, ask: Callable[[], object]) -> Check:
    try:
        ask()
    except CommonspaceError as error:
        return Check("service", name, Status.FAIL, error.message, error.hint)
    return Check("service", name, Status.OK, f"answers at {place}")
