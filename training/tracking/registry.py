"""Registering a trained space, and getting one back."""

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import BadData, NotFound
from training.tracking.artifact import SPACE_PATH, build_model, folder_digest
from training.tracking.run import CONFIG_ARTIFACT, DATA_DIGEST, GIT_COMMIT, GIT_DIRTY
from training.tracking.server import Tracking
from training.tracking.versions import (
    COMMIT_TAG,
    CONFIG_TAG,
    DATA_TAG,
    DIGEST_TAG,
    DIRTY_TAG,
    MODEL_TAG,
    SPLIT_TAG,
    ModelVersion,
    list_models,
    metric_tags,
    show_model,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from training.space import Space

_log = logging.getLogger(__name__)


def register(
    tracking: Tracking,
    run_id: str,
    space_folder: Path,
    *,
    metrics: Mapping[str, float],
    split: str = "validation",
    card: str | None = None,
) -> ModelVersion:
    """Make a saved space a new version of the registered model.

    Lineage comes from the run: data digest, configuration, commit. Done twice for the same run and
    files (a driver killed in between), it gives the version of the first time.

    Args:
        tracking: the registry.
        run_id: the training run; its data must have been logged.
        space_folder: what `Space.save` wrote.
        metrics: what the version is judged by, the gate's metric among them.
        split: which posts they were measured on.
        card: the model card, in Markdown.

    Raises:
        NotFound: no such run.
        BadData: the run names no data, or the folder is no saved space.
        Unavailable: the server stayed away; nothing was registered.
    """
    digest = folder_digest(space_folder)
    for each in list_models(tracking):
        if each.run_id == run_id and each.digest == digest:
            _log.info("run %s is registered already, as version %d", run_id, each.version)
            return each
    run = tracking.call(lambda client: client.get_run(run_id))
    tags = {
        DATA_TAG: run.data.tags.get(DATA_DIGEST),
        SPLIT_TAG: split,
        DIGEST_TAG: digest,
        COMMIT_TAG: run.data.tags.get(GIT_COMMIT),
        DIRTY_TAG: run.data.tags.get(GIT_DIRTY),
        CONFIG_TAG: f"runs:/{run_id}/{CONFIG_ARTIFACT}",
        **metric_tags(metrics),
    }
    if not tags[DATA_TAG]:
        raise BadData(f"run {run_id} does not name its data", hint="call TrackedRun.log_data first")
    if not (space_folder / "space.json").is_file():
        raise BadData(f"{space_folder} is not a saved space")
    with tempfile.TemporaryDirectory() as staging:
        version = tracking.call(
            lambda client: _log_and_register(
                client,
                tracking.config.registered_model,
                run_id,
                run.info.experiment_id,
                Path(staging) / "model",
                space_folder,
                {key: value for key, value in tags.items() if value},
                card,
            )
        )
    return show_model(tracking, version)


def load_space(
    reference: str | int | Path, tracking: Tracking | None = None, *, device: str = "cpu"
) -> "Space":
    """The native model.

    Args:
        reference: a folder, or anything that `show_model` takes.
        tracking: the registry; not needed for a folder.
        device: where it runs.

    Raises: as `space_folder`.
    """
    from training.space import Space

    return Space.load(space_folder(reference, tracking), device=device)


def space_folder(reference: str | int | Path | ModelVersion, tracking: Tracking | None) -> Path:
    """The folder to `Space.load`, downloaded if it isn't here; hand it to workers on this machine.

    A model is downloaded once, into the workspace, and checked against the digest that it was
    registered with. Artifacts on this machine's disk are used where they lie.

    Raises:
        NotFound: no such version.
        BadData: the files are not those that were registered.
        Unavailable, Refused: see `Tracking.call`.
    """
    if isinstance(reference, Path) or (isinstance(reference, str) and Path(reference).is_dir()):
        folder = Path(reference)
        return folder / SPACE_PATH if (folder / "MLmodel").is_file() else folder
    if tracking is None:
        raise NotFound(f"{reference} is not a folder, and no registry was given to look it up in")
    if not isinstance(reference, ModelVersion):
        reference = show_model(tracking, reference)
    return _downloaded(tracking, reference)


def _log_and_register(
    client: "MlflowClient",
    name: str,
    run_id: str,
    experiment_id: str,
    staging: Path,
    space: Path,
    tags: dict[str, str],
    card: str | None,
) -> int:
    """The client's own steps of `mlflow.pyfunc.log_model`, which would use a global URI and run."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.models import Model

    logged = client.create_logged_model(experiment_id, name=name, source_run_id=run_id)
    try:
        description = Model(
            artifact_path=logged.artifact_location,
            run_id=run_id,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
        )
        build_model(space, staging, description, card=card)
        client.log_model_artifacts(logged.model_id, str(staging))
    except BaseException:
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
        raise
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    _ensure_registered(client, name)
    # All tags in the one call that makes the version: nobody ever sees one without its lineage.
    version = client.create_model_version(
        name,
        logged.artifact_location,
        run_id,
        tags=tags | {MODEL_TAG: logged.model_id},
        model_id=logged.model_id,
    )
    return int(version.version)


def _ensure_registered(client: "MlflowClient", name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _downloaded(tracking: Tracking, model: ModelVersion) -> Path:
    from mlflow.artifacts import download_artifacts

    # Named by model id: version numbers repeat between servers, and after a database is renewed.
    cached = tracking.model_cache / model.model_id
    if cached.is_dir():
        return cached / "space"
    uri = f"{model.source}/{SPACE_PATH}"
    local = _local_path(uri)
    if local is not None and local.is_dir():
        _verify(local, model)
        return local
    tracking.model_cache.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=tracking.model_cache, prefix=".draft-"))
    try:
        tracking.call(
            lambda client: download_artifacts(
                uri, dst_path=str(draft), tracking_uri=tracking.uri, registry_uri=tracking.uri
            )
        )
        _verify(draft / "space", model)
        try:
            os.rename(draft, cached)
        except OSError:
            if not cached.is_dir():  # else another process was first, with the same files
                raise
        return cached / "space"
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _local_path(uri: str) -> Path | None:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


def _verify(folder: Path, model: ModelVersion) -> None:
    if model.digest and folder_digest(folder) != model.digest:
        raise BadData(
            f"the files of version {model.version} are not those that were registered",
            hint=f"damaged or changed: {folder}",
        )
