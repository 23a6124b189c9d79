"""The connection to MLflow: one URI, one client, handed to whoever tracks."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from training.errors import Conflict, Unavailable
from training.tracking.config import TrackingConfig
from training.tracking.reachability import (
    is_http,
    probe_database,
    probe_server,
    public_name,
    translated,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

MLFLOW_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}
"""What the composition root should put into the environment, unless set, before MLflow is used:
no usage reports, no progress bars across ours, and no unpickling."""

_LONGEST_PAUSE_S = 5.0
# They report each table and each check of a model; warnings still come through.
_CHATTY = (
    "alembic",
    "mlflow.pyfunc",
    "mlflow.store.db.utils",
    "mlflow.store.model_registry.abstract_store",
)


class Tracking:
    """A lazy connection to one MLflow tracking server and its model registry.

    Nothing is opened until the first `call`. The first use of a new SQLite file creates MLflow's
    tables, which takes seconds: call `connect` in good time, from any thread.

    Args:
        config: the URI and the names to use.
        workspace: folder for the default database, local artifacts and downloaded models.
    """

    def __init__(self, config: TrackingConfig, workspace: Path) -> None:
        self.config = config
        self.workspace = workspace.absolute()
        self.uri = config.uri or f"sqlite:///{self.workspace / 'mlflow.db'}"
        self._lock = threading.Lock()
        self._client: MlflowClient | None = None

    @property
    def name(self) -> str:
        """The URI without credentials, for messages and records."""
        return public_name(self.uri)

    @property
    def model_cache(self) -> Path:
        """Where downloaded models are kept, one folder a model id."""
        return self.workspace / "models"

    def connect(self) -> None:
        """Open the connection now. Raises: as `call`."""
        self.call(lambda client: None)

    def call(self, action: "Callable[[MlflowClient], T]", *, patience_s: float = 0) -> T:
        """Run `action` with the client.

        Args:
            action: what to do; it may run more than once if `patience_s` is above 0.
            patience_s: how long to try again while the server is away.

        Raises:
            Unavailable: the server does not answer.
            Refused: it answers 401 or 403.
            NotFound: the action asked for something that does not exist.
        """
        deadline, pause = time.monotonic() + patience_s, 0.25
        while True:
            try:
                with translated(self.uri):
                    if is_http(self.uri):
                        probe_server(self.uri)
                    return action(self._connected())
            except Unavailable:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def experiment_id(self) -> str:
        """The experiment's id; created if it is new. Raises: Conflict if it was deleted."""
        from mlflow.exceptions import MlflowException

        name = self.config.experiment

        def find_or_create(client: "MlflowClient") -> str:
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                try:
                    return client.create_experiment(name, self._artifacts())
                except MlflowException as error:
                    if error.error_code != "RESOURCE_ALREADY_EXISTS":
                        raise
                    experiment = client.get_experiment_by_name(name)
                    assert experiment is not None  # another process created it in between
            if experiment.lifecycle_stage == "deleted":
                raise Conflict(
                    f"experiment {name!r} was deleted on {self.name}",
                    hint="restore it with `mlflow experiments restore`, or set tracking.experiment",
                )
            return experiment.experiment_id

        return self.call(find_or_create)

    def _artifacts(self) -> str | None:
        """A database knows no place for artifacts, and MLflow would take the working directory."""
        return None if is_http(self.uri) else (self.workspace / "mlartifacts").as_uri()

    def _connected(self) -> "MlflowClient":
        with self._lock:
            if self._client is None:
                for chatty in _CHATTY:
                    logging.getLogger(chatty).setLevel(logging.WARNING)
                from mlflow import MlflowClient

                if self.config.uri is None:
                    self.workspace.mkdir(parents=True, exist_ok=True)
                if not is_http(self.uri) and not self.uri.startswith("databricks"):
                    probe_database(self.uri)
                self._client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            return self._client
