"""From a configuration to a registered model: the stages of a training, one after the other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.assessment import Retrieval, assess, embed_for
from training.checkpoint import owned
from training.data.clean import CleanData
from training.disk import full_disk_in_words
from training.embedding import embed_split, fit_audience
from training.encoders import Encoder, build_image_encoder, build_text_encoder
from training.evaluation.card import log_card
from training.evaluation.retrieval import evaluate_retrieval
from training.evaluation.selection import selection_score
from training.fit import FitPlan, best_objective, fit, save_inputs
from training.interests.landscape import survey_if_public
from training.logs import bound
from training.materials import Materials, gather_materials
from training.objective import Objective
from training.observer import SILENT, Observer
from training.query_weights import choose_query_weights
from training.record import model_card_of, record_evaluation
from training.run_config import RunConfig
from training.run_folder import RunFolder, fresh_name
from training.sampling import EvaluationConfig, sample
from training.space import Space
from training.tracking.gate import Decision, consider
from training.tracking.metrics_log import EpochMetrics
from training.tracking.registry import register, space_folder
from training.tracking.run import TrackedRun, open_run
from training.tracking.server import Tracking
from training.watching import Watch, job_id, tell_data

UNDECIDED = "the gate has not been asked yet"

WEIGHED = EvaluationConfig(people=3000, posts=3000)
"""Of how many weights of queries are chosen, at most: that ranks them some hundred times."""


@dataclass(frozen=True)
class TrainResult:
    """What a training left behind.

    Attributes:
        run_name: of the run's folder.
        run_folder: checkpoints, metrics, plots, the saved space.
        mlflow_run_id: where it is tracked.
        model_version: of the registered model.
        decision: whether it became champion, and why.
        retrieval: on the test posts; model to direction to metric to value.
        validation: the score that the gate compared.
        data: the clean tables.
        quarantined: rows that were kept out.
    """

    run_name: str
    run_folder: Path
    mlflow_run_id: str
    model_version: int
    decision: Decision
    retrieval: Retrieval
    validation: float
    data: CleanData
    quarantined: int


def train(
    config: RunConfig,
    workspace: Path,
    *,
    name: str | None = None,
    resume: bool = False,
    new: bool = False,
    gate: bool = True,
    observer: Observer = SILENT,
) -> TrainResult:
    """Train a space, record it, register it, and let the gate decide on the champion.

    Args:
        config: everything that can be chosen.
        workspace: folder for clean data, features, runs and the embedded tracker.
        name: of the run; made from the time if left out.
        resume: go on with the named run after a crash, from its newest whole checkpoint.
        new: begin the named run anew, whatever it holds.
        gate: False leaves the decision to a later `consider_candidate`.
        observer: sees the progress.

    Raises:
        Conflict: the name is in use, or is driven by another process now.
        NotFound: nothing to resume.
        BadData, TrainingFailed, Unavailable: see the stages.
        DiskFull: the workspace's disk is full, and stayed so.
    """
    folder = RunFolder(workspace, name or fresh_name())
    resume_later = f"make room, then: commonspace train --resume --name {folder.name}"
    with full_disk_in_words(folder.path, hint=resume_later), owned(folder.path) as token:
        folder.claim(config, resume=resume, new=new)
        tracking = Tracking(config.tracking, workspace)
        with (
            open_run(tracking, folder.path, name=folder.name) as run,
            bound(run=folder.name, run_id=run.run_id, job_id=job_id()),
        ):
            run.log_config(config)
            run.log_environment()
            materials = gather_materials(config, workspace, observer)
            _log_data(run, materials)
            tell_data(materials.data.manifest.report)
            space = _fit(config, folder, token, run, materials, observer)
            if _trained_encoders(config):
                materials = gather_materials(config, workspace, observer, model_folder=folder.model)
                fit_audience(space.joint, materials.examples)
            _choose_weights(space, materials, folder)
            materials = materials.sampled(config.evaluation)
            observer.stage("Evaluating on held-out posts")
            retrieval = assess(space, materials, "test")
            observer.stage("Recording and registering the model")
            record_evaluation(run, folder, space, materials, retrieval)
            landscape = survey_if_public(space, materials, workspace / "features")
            log_card(run, space, materials, retrieval, landscape=landscape)
            score = _score(space, materials)
            version = register(
                tracking,
                run.run_id,
                folder.model,
                metrics={config.tracking.gate.metric: score},
                card=model_card_of(run, config, space, materials, retrieval),
            )
            decision = Decision(False, version.version, None, score, None, UNDECIDED)
            if gate:
                decision = consider_candidate(config, workspace, version.version)
            observer.note(decision.reason)
    return TrainResult(
        run_name=folder.name,
        run_folder=folder.path,
        mlflow_run_id=run.run_id,
        model_version=version.version,
        decision=decision,
        retrieval=retrieval,
        validation=score,
        data=materials.data,
        quarantined=materials.data.manifest.report.quarantined,
    )


def consider_candidate(config: RunConfig, workspace: Path, version: int) -> Decision:
    """Ask the gate about a registered version, its champion measured on the configured data."""
    tracking = Tracking(config.tracking, workspace)
    return consider(
        tracking,
        version,
        evaluate_champion=lambda uri: _champion_score(config, workspace, tracking, uri),
    )


def evaluate(
    config: RunConfig,
    workspace: Path,
    *,
    model: str | int | Path = "champion",
    split: str = "test",
    observer: Observer = SILENT,
) -> Retrieval:
    """Assess a registered model (or a saved folder) on a split of the configured data.

    The encodings are those of the model's own encoders.
    """
    model_folder = space_folder(model, Tracking(config.tracking, workspace))
    space = Space.load(model_folder)
    materials = gather_materials(config, workspace, observer, model_folder=model_folder)
    observer.stage(f"Evaluating on the {split} posts")
    return assess(space, materials.sampled(config.evaluation), split)


def _fit(
    config: RunConfig,
    folder: RunFolder,
    token: str,
    run: TrackedRun,
    materials: Materials,
    observer: Observer,
) -> Space:
    """Train on the cluster while metrics flow to MLflow; save the best epoch's space."""
    observer.stage("Training the joint space")
    plan = FitPlan(
        run_folder=folder.path,
        examples_folder=folder.examples,
        token=token,
        space=config.model.model_dump(mode="json"),
        losses=config.losses.model_dump(mode="json"),
        loop=config.loop.model_dump(mode="json"),
        acceleration=config.acceleration.model_dump(mode="json"),
        encoders=_trained_encoders(config),
        data_folder=materials.data.root,
        watch=Watch(folder.name, run.run_id, config.loop.epochs, config.logs),
    )

    save_inputs(plan, materials.examples)

    def show(line: EpochMetrics) -> None:
        observer.epoch(line.epoch, config.loop.epochs, line.metrics)

    with run.forward_metrics(on_epoch=show):
        checkpoint = fit(plan, config.scaling, observer.note)
    run.log_faults(folder.path)
    objective = best_objective(plan, materials.examples, checkpoint)
    if not plan.encoders:  # else the features are still those from before training
        fit_audience(objective.space, materials.examples)
    space = Space(
        objective.space,
        _encoder(objective, "image") or build_image_encoder(config.image_encoder),
        _encoder(objective, "text") or build_text_encoder(config.text_encoder),
        materials.examples.users,
    )
    space.save(folder.model)
    return space


def _choose_weights(space: Space, materials: Materials, folder: RunFolder) -> None:
    identities = materials.identities(space.users)
    part = sample(materials.examples, WEIGHED, ["validation"])
    chosen = part.examples if part else materials.examples
    known = identities[part.people] if part else identities
    validation = embed_split(space.joint, chosen, "validation", known)
    space.query_weights = choose_query_weights(validation, space.joint.blocks)
    space.save(folder.model)


def _champion_score(config: RunConfig, workspace: Path, tracking: Tracking, uri: str) -> float:
    """The champion on this run's validation posts, through the champion's own encoders."""
    model_folder = space_folder(uri, tracking)
    materials = gather_materials(config, workspace, model_folder=model_folder)
    return _score(Space.load(model_folder), materials.sampled(config.evaluation))


def _encoder(objective: Objective, modality: str) -> Encoder | None:
    """The trained encoder, if it was trained."""
    return next((e for name, e in objective.encoders.items() if name == modality), None)  # type: ignore[return-value]


def _trained_encoders(config: RunConfig) -> dict[str, dict[str, Any]]:
    both = {"image": config.image_encoder, "text": config.text_encoder}
    return {m: c.model_dump(mode="json") for m, c in both.items() if c.tuning != "frozen"}


def _score(space: Space, materials: Materials) -> float:
    """The gate's metric: on validation posts, with this run's features."""
    return selection_score(evaluate_retrieval(embed_for(space, materials, "validation")))


def _log_data(run: TrackedRun, materials: Materials) -> None:
    manifest = materials.data.manifest
    run.log_data(manifest.digest, source=manifest.config.posts, counts=manifest.counts)
