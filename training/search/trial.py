"""One trial: the same loop as a training's, in one process, told of each epoch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.run_config import RunConfig

ORPHANS_STOP_AFTER_S = 60.0


@dataclass(frozen=True)
class Order:
    """What a trial needs to know; paths must be readable on every node.

    Attributes:
        number: of the trial.
        folder: its own: metrics, checkpoints, result.
        examples_folder: what all trials read.
        search_folder: of the search, whose driver's signs of life the trial watches.
        token: of that driver.
        config: fields of `RunConfig`.
        gpu: whether it has one, or a part of one.
    """

    number: int
    folder: Path
    examples_folder: Path
    search_folder: Path
    token: str
    config: dict[str, Any]
    gpu: bool


def run_trial(config: dict[str, Order]) -> None:
    """Train, from the trial's own checkpoint if it has one, and report each epoch to Ray Tune.

    Epochs from before are reported again, so that the search judges them as it would have.
    """
    from ray import tune

    from training import checkpoint, loop
    from training.checkpoint_store import keep
    from training.examples import Examples
    from training.fit import METRICS, FitPlan, build_objective
    from training.heartbeat import Watchdog, superseded
    from training.search.outcome import SCORE, scores_of
    from training.tracking.metrics_log import append_metrics

    order = config["order"]
    run = RunConfig.parse(order.config)
    reason = superseded(order.search_folder, order.token)
    if reason:
        raise RuntimeError(reason)
    plan = FitPlan(
        run_folder=order.folder,
        examples_folder=order.examples_folder,
        token=order.token,
        space=run.model.model_dump(mode="json"),
        losses=run.losses.model_dump(mode="json"),
        loop=run.loop.model_dump(mode="json"),
    )
    device = "cuda" if order.gpu else "cpu"
    with Watchdog(order.search_folder, order.token, ORPHANS_STOP_AFTER_S):
        examples = Examples.load(order.examples_folder)
        objective = build_objective(plan, examples)
        objective.space.fit_inputs(examples.features, examples.rows("train"))
        state = loop.begin(objective.to(device), run.loop, run.acceleration)
        newest = checkpoint.latest(order.folder / "checkpoints")
        if newest is not None:
            checkpoint.load(newest, state)
        for epoch, score in enumerate(scores_of(order.folder)[: state.progress.epoch], start=1):
            tune.report({"epoch": epoch, "score": score})

        def report(metrics: dict[str, float], state) -> None:
            whole = checkpoint.snapshot(state)
            assert whole is not None  # a trial is one process
            if metrics:
                append_metrics(order.folder / METRICS, state.progress.epoch, metrics)
            keep(order.folder / "checkpoints", whole)
            if not metrics:  # within an epoch
                return
            tune.report({"epoch": state.progress.epoch, "score": metrics[SCORE]})

        loop.run(state, examples, run.loop, report, run.acceleration)
