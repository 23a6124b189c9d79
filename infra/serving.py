"""The service, started from the product's configuration: vectors, Ray, and Ray Serve on top."""

import ipaddress
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.environment import config_file, environment_overrides
from infra.local import ray_session, usable_cpus
from infra.product import ProductConfig, open_tracking
from training.errors import BadConfig, Conflict, NotFound, Unavailable
from training.observer import SILENT, Observer

if TYPE_CHECKING:
    from ray.serve import Application

    from serving.models import First
    from serving.settings import ServingSettings

EDGE = "serving.edge:middlewares"
_PORT_S = 20.0
_LOOK_S = 3.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """A service that answers.

    Attributes:
        url: of the page; the API is under `/v1`.
        model_version: in use at the start.
    """

    url: str
    model_version: str


@contextmanager
def service(
    config: ProductConfig,
    observer: Observer = SILENT,
    ray_started: Callable[[], None] = lambda: None,
) -> Iterator[Running]:
    """The whole service for the body of a `with`: it answers when the body begins.

    Starts what the settings don't name elsewhere: a server of Milvus Lite on the workspace's
    vectors, and a Ray on this machine. Stops them afterwards, requests under way first.

    Args:
        config: of the product.
        observer: sees the stages.
        ray_started: called once Ray has set its signal handlers, which abort the process; the
            moment to set others.
    Raises: BadConfig for an address that others reach without keys; Conflict if the port is taken
        or another service has the workspace; NotFound if nothing is indexed; Unavailable.
    """
    settings = serving_settings(config)
    check_exposure(config)
    with ExitStack() as stack:
        observer.stage("Opening the vectors")
        if not config.index.remote:
            stack.enter_context(_vectors(settings))
        first = first_model(config, settings)
        port = free_port(config.serve.host, config.serve.port)
        observer.stage("Starting Ray")
        _before_ray(config)
        stack.enter_context(ray_session(config.ray))
        ray_started()
        version = first.version
        observer.stage(f"Starting encoders and recommender with model version {version}")
        stack.enter_context(_deployed(settings, first, port))
        yield Running(f"http://{_written(config.serve.host)}:{port}", version)


def serving_settings(config: ProductConfig) -> "ServingSettings":
    """The part of the configuration that replicas are started with."""
    from serving.settings import ServingSettings

    return ServingSettings(
        workspace=config.workspace.resolve(),
        tracking=config.tracking,
        index=config.index,
        events=config.events,
        recommend=config.recommend,
        experiments=config.experiments,
        serve=config.serve,
        logs=config.logs,
        tracing=config.tracing,
    )


def application(args: Mapping[str, Any]) -> "Application":
    """The service for `serve run` and `serve deploy`: `import_path: infra.serving:application`.

    Args:
        args: settings as in a configuration file, over those of the file that COMMONSPACE_CONFIG
            names; what the environment says goes over them, and secrets come from there.
    Raises: BadConfig if the index is a folder, which one machine alone could open; NotFound or
        Unavailable if there is no index after `serve.await_index_s`.
    """
    from serving.graph import application as build
    from serving.models import First

    config = ProductConfig.load(config_file(), [*_flattened(args), *environment_overrides()])
    if not config.index.remote:
        raise BadConfig(
            "index.uri must be a Milvus server on a cluster, not a folder",
            hint="set MILVUS_URI; `commonspace serve` runs all on one machine",
        )
    settings = serving_settings(config)
    return build(settings, First(_awaited_model(settings)))


def _awaited_model(settings: "ServingSettings") -> str:
    """`live_model`, once there is one: a new cluster is deployed before its first index is made."""
    deadline = time.monotonic() + settings.serve.await_index_s
    while True:
        try:
            return live_model(settings)
        except (NotFound, Unavailable) as error:
            if time.monotonic() >= deadline:
                raise
            _log.warning("the service waits for its first index: %s", error.message)
        time.sleep(_LOOK_S)


def live_model(settings: "ServingSettings") -> str:
    """The model version that the live index was embedded by. Raises: NotFound if there is none."""
    from recsys.vectors import VectorStore

    with VectorStore(settings.index, settings.workspace) as store:
        try:
            return store.live().version.model
        except NotFound as error:
            raise NotFound(
                error.message,
                hint="`commonspace demo` makes a model and an index to try; "
                "`commonspace train` and `commonspace index` make yours",
            ) from None


def first_model(config: ProductConfig, settings: "ServingSettings") -> "First":
    """The live index's model version with its files, checked. Raises: NotFound, BadData."""
    from serving.models import First
    from training.tracking.registry import space_folder

    version = live_model(settings)
    return First(version, space_folder(version, open_tracking(config)))


def check_exposure(config: ProductConfig) -> None:
    """Raises: BadConfig if others than this machine could ask without a key."""
    if config.serve.security.mode == "development" and not is_loopback(config.serve.host):
        raise BadConfig(
            f"others can reach serve.host {config.serve.host}, and no key is asked for",
            hint="make keys with `commonspace keys create` and set serve.security.mode=keys",
        )


def is_loopback(host: str) -> bool:
    """Whether an address is of this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}={json.dumps(value)}"


def _vectors(settings: "ServingSettings") -> Any:
    from recsys.milvus_server import LocalServer

    return LocalServer(Path(settings.index.location(settings.workspace)))


def _before_ray(config: ProductConfig) -> None:
    """What Ray and the proxies read from the environment when they start."""
    from serving.edge import IN_FLIGHT

    os.environ.setdefault("RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH", EDGE)
    in_flight = config.serve.in_flight or len(usable_cpus()) + 1
    os.environ.setdefault(IN_FLIGHT, str(in_flight))
    # its workers are the service here, not a training in the background
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_SERVE_LOG_TO_STDERR", "0")
    # how old the figures are that /metrics shows; Ray's own 10 s suit large clusters
    os.environ.setdefault("RAY_metrics_report_interval_ms", "2000")


def free_port(host: str, port: int = 0) -> int:
    """The port, once it is free: a killed service's proxy needs some seconds to go.

    Args:
        host: whose port.
        port: 0 takes any that is free.
    Raises: Conflict if somebody else keeps it.
    """
    deadline = time.monotonic() + _PORT_S
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
                return probe.getsockname()[1]
        except OSError as error:
            if time.monotonic() > deadline:
                raise Conflict(
                    f"can't listen on {host}:{port}: {error.strerror}",
                    hint="choose another with --port",
                ) from None
            time.sleep(0.5)


@contextmanager
def _deployed(settings: "ServingSettings", first: "First", port: int) -> Iterator[None]:
    from ray import serve
    from ray.serve.config import HTTPOptions, ProxyLocation
    from ray.serve.schema import LoggingConfig

    from serving.graph import NAME
    from serving.graph import application as build

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    quiet = LoggingConfig(log_level="WARNING", enable_access_log=False)
    where = settings.serve.proxies == "every_node"
    serve.start(
        proxy_location=ProxyLocation.EveryNode if where else ProxyLocation.HeadOnly,
        http_options=HTTPOptions(host=settings.serve.host, port=port),
        logging_config=quiet,
    )
    try:
        serve.run(build(settings, first), name=NAME, route_prefix="/", logging_config=quiet)
        yield
    except RuntimeError as error:
        raise Unavailable(
            f"the service did not start: {str(error).splitlines()[0]:.300}",
            hint="its logs are in /tmp/ray/session_latest/logs/serve",
        ) from error
    finally:
        serve.shutdown()


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
