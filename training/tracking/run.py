"""A training as MLflow sees it: opened in the driver, resumed by its folder, ended as it ended."""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from training.config import Config
from training.errors import CommonspaceError, NotFound
from training.faults import FAULTS, restarts
from training.tracking.forwarder import MetricsForwarder
from training.tracking.metrics_log import EpochMetrics, metric_name
from training.tracking.provenance import checkout_commit, installed_packages, platform_facts
from training.tracking.reachability import public_name
from training.tracking.server import Tracking

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities import Run

_log = logging.getLogger(__name__)

DATA_DIGEST = "commonspace.data_digest"
GIT_COMMIT = "mlflow.source.git.commit"
GIT_DIRTY = "commonspace.git_dirty"
RESTARTS = "commonspace.restarts"
CONFIG_ARTIFACT = "config.yaml"
METRICS_FILE = "metrics.jsonl"
_RUN_FILE = "mlflow.json"
_PARAMETER_LIMIT = 6000
_DIGEST_LIMIT = 36

Status = Literal["FINISHED", "FAILED", "KILLED"]


class TrackedRun:
    """One MLflow run; as a context manager it ends FINISHED, FAILED or KILLED.

    Made by `open_run` or `evaluation_run`. Each method waits for a server that is away up to the
    configured patience, then raises Unavailable; metrics of epochs never wait, see
    `forward_metrics`.
    """

    def __init__(self, tracking: Tracking, run_id: str, folder: Path | None = None) -> None:
        self.tracking, self.run_id, self.folder = tracking, run_id, folder

    def log_config(self, config: Config) -> None:
        """All fields as parameters, and the whole as `config.yaml`.

        Credentials in URIs are left out: whoever may see the run would see them.
        A field that differs from what an earlier session logged is a tag `resumed.<field>`, since
        MLflow's parameters never change.
        """
        from mlflow.entities import Param, RunTag

        fields = {
            name: public_name(value)[:_PARAMETER_LIMIT] for name, value in config.flat().items()
        }

        def log(client: "MlflowClient") -> None:
            logged = client.get_run(self.run_id).data.params
            new = [Param(name, value) for name, value in fields.items() if name not in logged]
            changed = [
                RunTag(f"resumed.{name}", value)
                for name, value in fields.items()
                if logged.get(name, value) != value
            ]
            for start in range(0, len(new), 100):  # MLflow's limit for one call
                client.log_batch(self.run_id, params=new[start : start + 100])
            client.log_batch(self.run_id, tags=changed)

        self._call(log)
        self.log_text(public_name(config.to_yaml()), CONFIG_ARTIFACT)

    def log_data(self, digest: str, *, source: str, counts: Mapping[str, int]) -> None:
        """Bind the run to its data, as a dataset input and a tag; model versions inherit it.

        Args:
            digest: of the clean data, the split included.
            source: where the raw data came from.
            counts: rows by table, such as posts, users, quarantined.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        short = digest[:_DIGEST_LIMIT]
        profile = json.dumps(dict(counts))
        dataset = Dataset(
            "posts", short, "local", json.dumps({"uri": public_name(source)}), profile=profile
        )

        def log(client: "MlflowClient") -> None:
            inputs = client.get_run(self.run_id).inputs
            logged = inputs.dataset_inputs if inputs else []
            if short not in [each.dataset.digest for each in logged]:
                context = [InputTag("mlflow.data.context", "training")]
                client.log_inputs(self.run_id, [DatasetInput(dataset, context)])
            client.set_tag(self.run_id, DATA_DIGEST, digest)

        self._call(log)

    def log_environment(self) -> None:
        """Commit of the code as tags; Python, platform and packages under `environment/`."""
        commit = checkout_commit()
        if commit:
            self.set_tags({GIT_COMMIT: commit.id, GIT_DIRTY: str(commit.dirty).lower()})
        self.log_text(installed_packages(), "environment/packages.txt")
        self.log_json(platform_facts(), "environment/platform.json")

    def log_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Results that are no epoch's. A value that the run ends on already is not logged again."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)

        def log(client: "MlflowClient") -> None:
            last = client.get_run(self.run_id).data.metrics
            new = [
                Metric(metric_name(name), float(value), now, step)
                for name, value in metrics.items()
                if last.get(metric_name(name)) != float(value)
            ]
            for start in range(0, len(new), 1000):  # MLflow's limit for one call
                client.log_batch(self.run_id, metrics=new[start : start + 1000])

        self._call(log)

    def log_faults(self, folder: Path) -> None:
        """What the run's folder tells of faults: the file, and how often workers began anew."""
        if (folder / FAULTS).exists():
            self.log_artifact(folder / FAULTS)
            self.set_tags({RESTARTS: str(restarts(folder))})

    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """A file, or a folder with all it holds, under `folder` of the run's artifacts."""
        if path.is_dir():
            target = f"{folder}/{path.name}" if folder else path.name
            self._call(lambda client: client.log_artifacts(self.run_id, str(path), target))
        else:
            self._call(lambda client: client.log_artifact(self.run_id, str(path), folder))

    def log_text(self, text: str, name: str) -> None:
        """Text as an artifact, such as the model card."""
        self._call(lambda client: client.log_text(self.run_id, text, name))

    def log_json(self, value: Any, name: str) -> None:
        """Plain data as a JSON artifact."""
        self.log_text(json.dumps(value, indent=2, ensure_ascii=False), name)

    def log_figure(self, figure: "Figure", name: str) -> None:
        """A matplotlib figure as an artifact, such as `plots/loss.png`."""
        self._call(lambda client: client.log_figure(self.run_id, figure, name))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set or change tags."""
        from mlflow.entities import RunTag

        pairs = [RunTag(key, value) for key, value in tags.items()]
        self._call(lambda client: client.log_batch(self.run_id, tags=pairs))

    def forward_metrics(
        self, *, on_epoch: Callable[[EpochMetrics], None] | None = None
    ) -> MetricsForwarder:
        """A forwarder for the run folder's `metrics.jsonl`; enter it around the training.

        Raises: ValueError for a run without a folder (an evaluation).
        """
        if self.folder is None:
            raise ValueError("an evaluation run has no metrics file")
        path = self.folder / METRICS_FILE
        return MetricsForwarder(self.tracking, self.run_id, path, on_epoch=on_epoch)

    def evaluation(self, name: str) -> "TrackedRun":
        """A nested run for one evaluation; enter it, so that it ends."""
        return evaluation_run(self.tracking, self.run_id, name)

    def finish(self, status: Status) -> None:
        """End the run. Further logging is still possible."""
        self._call(lambda client: client.set_terminated(self.run_id, status))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.finish("FINISHED")
            return
        status: Status = "FAILED" if isinstance(error, Exception) else "KILLED"
        reason = f"{type(error).__name__}: {error}"[:500]

        def end(client: "MlflowClient") -> None:
            client.set_tag(self.run_id, "commonspace.error", reason)
            client.set_terminated(self.run_id, status)

        try:  # the error in flight counts; that MLflow is away too is only told
            self.tracking.call(end)
        except CommonspaceError as second:
            _log.warning(
                "run %s ended %s, but MLflow was not told: %s", self.run_id, status, second
            )

    def _call(self, action: "Callable[[MlflowClient], Any]") -> None:
        self.tracking.call(action, patience_s=self.tracking.config.patience_s)


def open_run(
    tracking: Tracking,
    folder: Path,
    *,
    name: str,
    run_id: str | None = None,
    parent: str | None = None,
) -> TrackedRun:
    """The MLflow run of a run folder: resumed if there is one, else created.

    The folder remembers its run in `mlflow.json`. If the server does not know that run (another
    server, or it was deleted there), a new one is made, and the folder's metrics go to it.
    A server that is away is an error here, before anything was spent on training.

    Args:
        tracking: the server.
        folder: the run's folder; made if needed.
        name: what MLflow shows.
        run_id: resume this run instead of the remembered one.
        parent: the run under which a new one is nested.

    Raises:
        NotFound: there is no run `run_id`.
        Unavailable, Refused: see `Tracking.call`.
    """
    path = folder / _RUN_FILE
    known = run_id
    if known is None and path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))["run_id"]
    if known is not None:
        if _reopen(tracking, known):
            _remember(path, tracking, known)
            return TrackedRun(tracking, known, folder)
        if run_id is not None:
            raise NotFound(f"there is no run {run_id} on {tracking.name}")
        _log.warning("run %s is not on %s; a new one is made", known, tracking.name)
    run = _create(tracking, name, {"mlflow.parentRunId": parent} if parent else {})
    _remember(path, tracking, run.info.run_id)
    return TrackedRun(tracking, run.info.run_id, folder)


def evaluation_run(tracking: Tracking, parent: str, name: str) -> TrackedRun:
    """A run nested under the training `parent`, for one evaluation of its model.

    Raises: NotFound if there is no such run; as `Tracking.call`.
    """
    tracking.call(lambda client: client.get_run(parent))
    run = _create(tracking, name, {"mlflow.parentRunId": parent})
    return TrackedRun(tracking, run.info.run_id)


def _create(tracking: Tracking, name: str, tags: dict[str, str]) -> "Run":
    experiment = tracking.experiment_id()
    return tracking.call(lambda client: client.create_run(experiment, tags=tags, run_name=name))


def _reopen(tracking: Tracking, run_id: str) -> bool:
    def reopen(client: "MlflowClient") -> bool:
        if client.get_run(run_id).info.lifecycle_stage != "active":
            return False
        client.update_run(run_id, status="RUNNING")
        return True

    try:
        return tracking.call(reopen)
    except NotFound:
        return False


def _remember(path: Path, tracking: Tracking, run_id: str) -> None:
    """Written whole or not at all: a torn file would make the next resume fail."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps({"run_id": run_id, "server": tracking.name}), encoding="utf-8")
    os.replace(draft, path)
