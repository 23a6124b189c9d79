"""The steps. Each may be killed and begun again: what it had finished by then, it finds there."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.pipeline.checks import check_data, check_directions, check_drift, quarantined
from infra.pipeline.record import Record, Records, Step
from infra.product import ProductConfig
from training.errors import BadData, Conflict, NotFound, Unavailable
from training.observer import Observer

if TYPE_CHECKING:
    from training.data.clean import CleanData
    from training.evaluation.comparison import Compared
    from training.tracking.server import Tracking
    from training.tracking.versions import ModelVersion

PIPELINE_TAG = "commonspace.pipeline"
"""Of the MLflow run and of the model version; names the pipeline run that made them."""
ARTIFACTS = "pipeline"
REFUSED = "refused"
"""In a step's result: why it is refused, a list; the other keys are figures."""
_POLL_S = 2.0


@dataclass(frozen=True)
class Context:
    """What a step works with.

    Attributes:
        config: of the product.
        record: so far.
        records: where it is kept, and what else the run leaves.
        data: clean, as it is now.
        tracking: MLflow.
        observer: sees the progress.
    """

    config: ProductConfig
    record: Record
    records: Records
    data: "CleanData"
    tracking: "Tracking"
    observer: Observer

    @property
    def folder(self) -> Path:
        """Of the run's pages and pictures."""
        return self.records.of(self.record.name)

    @property
    def workspace(self) -> Path:
        """Of the product."""
        return Path(self.config.workspace)

    @property
    def champion(self) -> "ModelVersion | None":
        """The champion when the run began; later steps compare with the present one."""
        from training.tracking.versions import show_model

        before = self.record.champion_before
        return None if before is None else show_model(self.tracking, before)

    @property
    def version(self) -> int:
        """Of the candidate, after `train`."""
        return self.record.result(Step.TRAIN)["version"]


def validate(context: Context) -> dict[str, Any]:
    """Look at the clean data beside the champion's."""
    from infra.drifting import data_of

    now, champion = context.data.manifest, context.champion
    before = None
    if champion is not None:
        try:
            before = data_of(context.workspace, champion).manifest
        except NotFound as error:
            context.observer.note(error.message)
    return {
        "counts": now.counts,
        "quarantined": quarantined(now),
        "champion_counts": before.counts if before else None,
        REFUSED: check_data(now, before, context.config.pipeline),
    }


def drift(context: Context) -> dict[str, Any]:
    """Measure drift from the champion's data, and write the page."""
    from infra.drifting import drift_of
    from training.drift.page import write_page

    champion = context.champion
    if champion is None:
        return {"verdict": "there is no champion to compare with"}
    if champion.data_digest == context.record.data_digest:
        return {"verdict": "the champion was trained on the same data"}
    try:
        found = drift_of(context.config, against=str(champion.version), observer=context.observer)
    except NotFound as error:
        return {"verdict": f"not measured: {error.message}"}
    report = found.report
    page = write_page(report, context.folder / "drift.html", found.placed)
    plain = json.dumps(report.to_json(), indent=1, ensure_ascii=False)
    (context.folder / "drift.json").write_text(plain, encoding="utf-8")
    return {
        "level": str(report.level),
        "verdict": report.verdict(),
        "page": str(page),
        REFUSED: check_drift(report.level, report.verdict(), context.config.pipeline),
    }


def train(context: Context) -> dict[str, Any]:
    """Train, evaluate on the test posts, and register a version without an alias."""
    from training.pipeline import train
    from training.run_folder import CONFIG, RunFolder

    folder = RunFolder(context.workspace, context.record.name)
    done = train(
        context.config.run(),
        context.workspace,
        name=folder.name,
        resume=(folder.path / CONFIG).exists(),
        gate=False,
        observer=context.observer,
    )
    if done.data.manifest.digest != context.record.data_digest:
        raise Conflict(
            "the data changed while the pipeline ran",
            hint="begin again: commonspace pipeline run takes the new data",
        )
    _tag(context, done.mlflow_run_id, done.model_version)
    return {
        "run": done.run_name,
        "mlflow_run_id": done.mlflow_run_id,
        "version": done.model_version,
        "score": done.validation,
    }


def gate(context: Context) -> dict[str, Any]:
    """Compare with the champion in every direction, and let the gate move the alias.

    The rule looks at validation posts; what is shown is measured on the test posts, too.
    """
    from training.pipeline import consider_candidate
    from training.tracking.gate import refuse
    from training.tracking.versions import show_model

    context.observer.stage("Comparing the candidate with the champion")
    champion = _rival(context)
    compared: dict[str, list[Compared]] = {}
    if champion is not None:
        try:
            compared = _comparisons(context, champion)
            _picture(context, compared["test"])
        except (BadData, NotFound) as error:  # a champion that can't be loaded: the gate's case
            context.observer.note(f"version {champion.version} can't be compared: {error}")
    result: dict[str, Any] = {
        "champion": champion.version if champion else None,
        "compared": {
            split: [each.to_json() for each in found] for split, found in compared.items()
        },
    }
    worse = check_directions(compared.get("validation", []), context.config.pipeline)
    if worse and not context.record.accepted:
        reason = "; ".join(worse)
        refuse(context.tracking, context.version, reason)
        return result | {REFUSED: worse}
    decision = consider_candidate(context.config.run(), context.workspace, context.version)
    if decision.promoted:
        return result | {"reason": decision.reason}
    if decision.champion == context.version:  # the alias was moved, and then the run was killed
        reason = show_model(context.tracking, context.version).reason
        return result | {"reason": reason or decision.reason}
    return result | {"reason": decision.reason, REFUSED: [decision.reason]}


def index(context: Context) -> dict[str, Any]:
    """Embed everything by the new champion beside the live index, and put it into use."""
    from infra.indexing import index_posts

    live = live_version(context.config)
    if live == str(context.version):
        return {"live": live}  # it was complete when the run was killed
    report = index_posts(context.config, model=context.version, observer=context.observer)
    counts = {str(target): count for target, count in report.counts.items()}
    return {"live": report.version.model, "build": report.version.build, "counts": counts}


def switch(context: Context) -> dict[str, Any]:
    """See that alias, index and, if one is named, the service agree on the new model.

    Raises: Conflict if somebody has moved the alias or the index meanwhile; Unavailable if the
        service doesn't follow.
    """
    from training.tracking.gate import champion_of

    champion, live = champion_of(context.tracking), live_version(context.config)
    wanted = str(context.version)
    if champion is None or str(champion.version) != wanted or live != wanted:
        raise Conflict(
            f"champion is version {champion.version if champion else None} and the index is of "
            f"{live}, not version {wanted}: somebody moved them meanwhile",
            hint="commonspace models list, commonspace index versions; then `pipeline run --force`",
        )
    service = context.config.pipeline.service
    if service is None:
        return {"live": live}
    context.observer.stage(f"Waiting until {service} answers with version {wanted}")
    return {"live": live, "service_s": _followed(service, wanted, context.config)}


ACTIONS: dict[Step, Callable[[Context], dict[str, Any]]] = {
    Step.VALIDATE: validate,
    Step.DRIFT: drift,
    Step.TRAIN: train,
    Step.GATE: gate,
    Step.INDEX: index,
    Step.SWITCH: switch,
}


def live_version(config: ProductConfig) -> str | None:
    """Model version of the live index; None if nothing is indexed."""
    from recsys.vectors import VectorStore

    with VectorStore(config.index, config.workspace) as store:
        try:
            return store.live().version.model
        except NotFound:
            return None


def _rival(context: Context) -> "ModelVersion | None":
    """Whom the candidate must beat: the champion, or the one that it has just replaced."""
    from training.tracking.gate import champion_of
    from training.tracking.versions import show_model

    champion = champion_of(context.tracking)
    if champion is None or champion.version != context.version:
        return champion
    return None if champion.previous is None else show_model(context.tracking, champion.previous)


def _comparisons(context: Context, champion: "ModelVersion") -> "dict[str, list[Compared]]":
    """Candidate and champion on the held-out posts, each by features of its own encoders."""
    from training.assessment import embed_for
    from training.evaluation.comparison import compare_embedded
    from training.materials import gather_materials
    from training.space import Space
    from training.tracking.registry import space_folder

    splits, embedded = ("validation", "test"), []
    for version in (context.version, champion.version):
        folder = space_folder(version, context.tracking)
        materials = gather_materials(context.config.run(), context.workspace, model_folder=folder)
        space = Space.load(folder)
        embedded.append({split: embed_for(space, materials, split) for split in splits})
    return {split: compare_embedded(embedded[0][split], embedded[1][split]) for split in splits}


def _picture(context: Context, compared: "list[Compared]") -> None:
    from training.evaluation.comparison import comparison_picture
    from training.tracking.run import TrackedRun

    if not compared:
        return
    path = comparison_picture(compared, context.folder / "comparison.png")
    run = TrackedRun(context.tracking, context.record.result(Step.TRAIN)["mlflow_run_id"])
    run.log_artifact(path, ARTIFACTS)
    if (page := context.folder / "drift.html").exists():
        run.log_artifact(page, ARTIFACTS)


def _tag(context: Context, run_id: str, version: int) -> None:
    name, pipeline = context.config.tracking.registered_model, context.record.name

    def tag(client: Any) -> None:
        client.set_tag(run_id, PIPELINE_TAG, pipeline)
        client.set_model_version_tag(name, str(version), PIPELINE_TAG, pipeline)

    context.tracking.call(tag, patience_s=context.config.tracking.patience_s)


def _followed(service: str, wanted: str, config: ProductConfig) -> float:
    """Seconds until a service answers with a model version. Raises: Unavailable."""
    import requests

    begun = time.monotonic()
    answered = "nothing"
    while time.monotonic() - begun < config.pipeline.service_patience_s:
        try:
            answer = requests.get(f"{service.rstrip('/')}/readyz", timeout=10)
            answered = str(answer.json().get("model_version"))
            if answered == wanted:
                return round(time.monotonic() - begun, 1)
        except (requests.RequestException, ValueError) as error:
            answered = f"{type(error).__name__}"
        time.sleep(_POLL_S)
    raise Unavailable(
        f"{service} answers with {answered} and not with model version {wanted}",
        hint="look at its log; the same command goes on waiting",
    )
