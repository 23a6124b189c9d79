"""Which run is meant: by its name, by MLflow's id, or by a model's version or alias."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import NotFound
from training.fit import METRICS
from training.run_config import RunConfig
from training.run_folder import CONFIG, runs
from training.space import SPACE_FILE
from training.tracking.metrics_log import read_metrics
from training.tracking.registry import space_folder
from training.tracking.run import DATA_DIGEST, GIT_COMMIT, GIT_DIRTY
from training.tracking.server import Tracking
from training.tracking.versions import ModelVersion, list_models, read_config, show_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

_RUN_FILE = "mlflow.json"
_RUN_ID = 32


@dataclass(frozen=True)
class RunRecord:
    """A finished run, wherever its parts lie.

    Attributes:
        name: of the run.
        run_id: of MLflow.
        config: it was trained with.
        history: metrics of each epoch, with the key `epoch`.
        model_folder: of the saved space.
        data_digest: of the clean data.
        commit: of the code, with a note on local changes; None if it was no checkout.
        version: of the registered model; None if the run was not registered.
    """

    name: str
    run_id: str
    config: RunConfig
    history: Sequence[Mapping[str, float]]
    model_folder: Path
    data_digest: str
    commit: str | None
    version: ModelVersion | None


def find_run(tracking: Tracking, reference: str) -> RunRecord:
    """The run of a reference, its files from the workspace or else from MLflow.

    Args:
        tracking: the server, with the workspace.
        reference: a run's name in the workspace, an MLflow run id, or a model's version or alias.
            A name that is also a version number is the run's name.
    Raises: NotFound saying what there is; as `Tracking.call`.
    """
    workspace = tracking.workspace
    names = runs(workspace)
    if reference in names:
        return _record(tracking, _run_id_of(workspace / "runs" / reference))
    if len(reference) == _RUN_ID and all(each in "0123456789abcdef" for each in reference):
        return _record(tracking, reference)
    try:
        return _record(tracking, show_model(tracking, reference).run_id)
    except NotFound as error:
        raise NotFound(
            f"there is no run {reference!r}, and {error.message}",
            hint=f"runs: {', '.join(names) or 'none'}; models: commonspace models list",
        ) from None


def _record(tracking: Tracking, run_id: str) -> RunRecord:
    run = tracking.call(lambda client: client.get_run(run_id))
    folder = _folder_of(tracking.workspace, run_id)
    version = next((each for each in list_models(tracking) if each.run_id == run_id), None)
    tags = run.data.tags
    commit = tags.get(GIT_COMMIT)
    return RunRecord(
        name=run.info.run_name or run_id,
        run_id=run_id,
        config=_config(tracking, folder, version, run_id),
        history=_history(tracking, folder, run_id),
        model_folder=_model_folder(tracking, folder, version, run_id),
        data_digest=tags.get(DATA_DIGEST, ""),
        commit=f"{commit}{' with local changes' if tags.get(GIT_DIRTY) == 'true' else ''}"
        if commit
        else None,
        version=version,
    )


def _run_id_of(folder: Path) -> str:
    try:
        return json.loads((folder / _RUN_FILE).read_text(encoding="utf-8"))["run_id"]
    except (OSError, ValueError, KeyError):
        raise NotFound(
            f"run {folder.name!r} was never tracked", hint=f"{folder / _RUN_FILE} is not there"
        ) from None


def _folder_of(workspace: Path, run_id: str) -> Path | None:
    """The run's folder, if it was trained in this workspace."""
    for path in workspace.glob(f"runs/*/{_RUN_FILE}"):
        if run_id in path.read_text(encoding="utf-8"):
            return path.parent
    return None


def _config(
    tracking: Tracking, folder: Path | None, version: ModelVersion | None, run_id: str
) -> RunConfig:
    if folder is not None and (folder / CONFIG).exists():
        return RunConfig.load(folder / CONFIG)
    if version is None:
        raise NotFound(f"run {run_id} has neither a folder here nor a registered model")
    import yaml

    return RunConfig.parse(yaml.safe_load(read_config(tracking, version)))


def _history(tracking: Tracking, folder: Path | None, run_id: str) -> list[dict[str, float]]:
    lines = read_metrics(folder / METRICS) if folder is not None else []
    if lines:
        return [{"epoch": line.epoch, **line.metrics} for line in lines]
    return tracking.call(lambda client: _history_on_server(client, run_id))


def _history_on_server(client: "MlflowClient", run_id: str) -> list[dict[str, float]]:
    """Epochs are MLflow's steps from 1; results that are no epoch's have step 0."""
    epochs: dict[int, dict[str, float]] = {}
    for name in client.get_run(run_id).data.metrics:
        for point in client.get_metric_history(run_id, name):
            if point.step > 0:
                epochs.setdefault(point.step, {"epoch": point.step})[name] = point.value
    return [epochs[epoch] for epoch in sorted(epochs)]


def _model_folder(
    tracking: Tracking, folder: Path | None, version: ModelVersion | None, run_id: str
) -> Path:
    if folder is not None and (folder / "model" / SPACE_FILE).exists():
        return folder / "model"
    if version is None:
        raise NotFound(
            f"run {run_id} has left no model", hint="it failed or is still going; see its status"
        )
    return space_folder(version, tracking)
