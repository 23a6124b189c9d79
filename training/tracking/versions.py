"""Versions of the registered model, with what each came from."""

import math
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import NotFound
from training.tracking.metrics_log import metric_name
from training.tracking.run import CONFIG_ARTIFACT
from training.tracking.server import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as Registered

CHAMPION = "champion"

DATA_TAG, SPLIT_TAG = "data_digest", "split"
MODEL_TAG, DIGEST_TAG = "model_id", "model_digest"
COMMIT_TAG, DIRTY_TAG, CONFIG_TAG = "git_commit", "git_dirty", "config"
DECISION_TAG, REASON_TAG, PREVIOUS_TAG = "gate.decision", "gate.reason", "gate.previous"
METRIC_PREFIX = "metric."


@dataclass(frozen=True)
class ModelVersion:
    """One version of the registered model.

    Attributes:
        version: from 1.
        aliases: such as `champion`.
        metrics: what it was registered with, by MLflow's names (`recall_at_10`).
        data_digest: of the clean data that it was trained and measured on.
        split: which posts the metrics were measured on.
        run_id: the training run.
        git_commit: of the code that trained it; None if that was not a checkout.
        git_dirty: whether the checkout differed from the commit; None as above.
        config: URI of the run's configuration.
        created: when it was registered, UTC.
        decision: "promoted" or "kept" by the gate or by hand; None before.
        reason: of the decision.
        previous: the champion that it replaced last, where a rollback goes.
        model_id: of the logged model that holds the files.
        source: URI of its files.
        digest: of the files of the space.
    """

    version: int
    aliases: tuple[str, ...]
    metrics: dict[str, float]
    data_digest: str
    split: str
    run_id: str
    git_commit: str | None
    git_dirty: bool | None
    config: str
    created: datetime
    decision: str | None
    reason: str | None
    previous: int | None
    model_id: str
    source: str
    digest: str


def list_models(tracking: Tracking) -> list[ModelVersion]:
    """All versions, newest first; empty if nothing is registered."""
    return tracking.call(lambda client: _all(client, tracking.config.registered_model))


def show_model(tracking: Tracking, reference: str | int = CHAMPION) -> ModelVersion:
    """One version.

    Args:
        tracking: the registry.
        reference: a version number, an alias (`champion`, `@champion`), or
            `models:/<name>/<version>`, `models:/<name>@<alias>`.

    Raises: NotFound listing the versions and aliases that there are.
    """
    key = _key(tracking.config.registered_model, str(reference))
    versions = list_models(tracking)
    for each in versions:
        if key == str(each.version) or key in each.aliases:
            return each
    known = ", ".join(
        f"{each.version} ({', '.join(each.aliases)})" if each.aliases else str(each.version)
        for each in versions[:20]
    )
    hint = f"there are {known}" if known else "none is registered yet: commonspace train"
    raise NotFound(
        f"model {tracking.config.registered_model!r} has no version {key!r} on {tracking.name}",
        hint=hint,
    )


def read_config(tracking: Tracking, model: ModelVersion) -> str:
    """The YAML that the version was trained with. Raises: NotFound if its run holds none."""
    with tempfile.TemporaryDirectory() as folder:

        def download(client: "MlflowClient") -> str:
            if CONFIG_ARTIFACT not in [each.path for each in client.list_artifacts(model.run_id)]:
                raise NotFound(f"run {model.run_id} holds no {CONFIG_ARTIFACT}")
            path = client.download_artifacts(model.run_id, CONFIG_ARTIFACT, folder)
            return Path(path).read_text(encoding="utf-8")

        return tracking.call(download)


def metric_tags(metrics: Mapping[str, float]) -> dict[str, str]:
    """Metrics as tags of a version, which outlive the run. Floats come back exactly."""
    return {METRIC_PREFIX + metric_name(name): repr(float(v)) for name, v in metrics.items()}


def _key(name: str, reference: str) -> str:
    """The version number or alias that a reference means."""
    match = re.fullmatch(r"models:/([^/@]+)[/@](.+)", reference)
    if match is None:
        return reference.removeprefix("@")
    if match[1] != name:
        raise NotFound(
            f"{reference} is of another registered model", hint=f"this one is models:/{name}"
        )
    return match[2]


def _all(client: "MlflowClient", name: str) -> list[ModelVersion]:
    aliases: dict[str, list[str]] = {}
    try:
        for alias, version in client.get_registered_model(name).aliases.items():
            aliases.setdefault(str(version), []).append(alias)
    except Exception as error:
        if getattr(error, "error_code", None) != "RESOURCE_DOES_NOT_EXIST":
            raise
        return []
    found, token = [], None
    while True:
        page = client.search_model_versions(f"name = '{name}'", page_token=token)
        found += [_typed(each, sorted(aliases.get(str(each.version), []))) for each in page]
        token = page.token
        if not token:
            return sorted(found, key=lambda each: -each.version)


def _typed(version: "Registered", aliases: list[str]) -> ModelVersion:
    tags = version.tags
    previous, dirty = tags.get(PREVIOUS_TAG), tags.get(DIRTY_TAG)
    return ModelVersion(
        version=int(version.version),
        aliases=tuple(aliases),
        metrics={
            key.removeprefix(METRIC_PREFIX): _number(value)
            for key, value in tags.items()
            if key.startswith(METRIC_PREFIX)
        },
        data_digest=tags.get(DATA_TAG, ""),
        split=tags.get(SPLIT_TAG, ""),
        run_id=version.run_id or "",
        git_commit=tags.get(COMMIT_TAG),
        git_dirty=None if dirty is None else dirty == "true",
        config=tags.get(CONFIG_TAG, ""),
        created=datetime.fromtimestamp((version.creation_timestamp or 0) / 1000, UTC),
        decision=tags.get(DECISION_TAG),
        reason=tags.get(REASON_TAG),
        previous=int(previous) if previous and previous.isdigit() else None,
        model_id=tags.get(MODEL_TAG, ""),  # a search leaves MLflow's own field empty
        source=version.source or "",
        digest=tags.get(DIGEST_TAG, ""),
    )


def _number(text: str) -> float:
    """Tags can be edited by hand; what is no number can't win at the gate."""
    try:
        return float(text)
    except ValueError:
        return math.nan
