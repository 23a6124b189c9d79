"""Joint training on a Ray cluster: workers, restarts, checkpoints, and who may write into a run."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from training.config import Config
from training.watching import Watch

if TYPE_CHECKING:
    from ray.train.torch import TorchTrainer

    from training.examples import Examples
    from training.objective import Objective
    from training.state import State

METRICS = "metrics.jsonl"
WHITENING = "whitening.safetensors"
_ROOM_S = "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"
_ROOM_TRIES = 3
"""An elastic run asks so often in a minute."""


class ScalingConfig(Config):
    """Where training runs."""

    workers: Annotated[int, Field(ge=1)] = 2
    """Data-parallel processes; the most there are, if `least_workers` is set."""
    least_workers: Annotated[int, Field(ge=1)] | None = None
    """Elastic training: go on with as few as these when nodes leave, and with more when nodes join.
    A global batch is the same for any number of workers. None: always `workers`."""
    resize_after_s: Annotated[float, Field(ge=1)] = 60
    """How long a group of workers runs at least before it grows; growing repeats its epoch."""
    gpus: bool = False
    """One GPU a worker, over NCCL; otherwise CPUs over gloo. Which GPUs there are to give out, Ray
    knows: of a machine those that CUDA_VISIBLE_DEVICES named when Ray started there."""
    accelerator: str | None = None
    """Kind of GPU, as Ray names it (`A100`, `L4`); any kind if left out."""
    cpus_per_worker: Annotated[float, Field(gt=0)] = 1
    max_failures: Annotated[int, Field(ge=0)] = 8
    """Worker deaths that a run survives; each repeats the epoch that ran."""
    controller_failures: Annotated[int, Field(ge=0)] = 8
    """Deaths of Ray Train's controller that a run survives, and for how many minutes, beyond the
    first, it is waited for room for the workers on the cluster."""
    preemptions: Annotated[int, Field(ge=0)] | None = None
    """Announced reclaims of a node that a run survives, beside `max_failures`. None: any number."""
    orphans_stop_after_s: Annotated[float, Field(ge=5)] = 60
    """Workers without a sign of life from the driver for so long end themselves, in the middle of
    an epoch too, whatever Ray knows of its death."""
    disk_patience_s: Annotated[float, Field(ge=0)] = 600
    """How long training waits for room when the disk is full, before it ends with an error."""

    @model_validator(mode="after")
    def _least_is_less(self) -> Self:
        if self.least_workers is not None and self.least_workers > self.workers:
            raise ValueError(f"least_workers must be at most workers, {self.workers}")
        return self


@dataclass(frozen=True)
class FitPlan:
    """All that a worker needs to know; paths must be readable on every node.

    Attributes:
        run_folder: checkpoints, metrics and the owner's token.
        examples_folder: what `Examples.save` wrote.
        token: of the driver that started this; a run with another owner is left alone.
        space: fields of `ModelConfig`.
        losses: fields of `LossesConfig`.
        loop: fields of `LoopConfig`.
        acceleration: fields of `AccelerationConfig`.
        encoders: fields of `EncoderConfig` by modality, for encoders that are trained too.
        data_folder: the clean data, whose raw content those encoders read.
        watch: what workers tell of themselves goes by it.
    """

    run_folder: Path
    examples_folder: Path
    token: str
    space: dict[str, Any]
    losses: dict[str, Any]
    loop: dict[str, Any]
    acceleration: dict[str, Any] = field(default_factory=dict)
    encoders: dict[str, dict[str, Any]] = field(default_factory=dict)
    data_folder: Path | None = None
    watch: Watch = field(default_factory=Watch)


def fit(plan: FitPlan, scaling: ScalingConfig, note: Callable[[str], None] | None = None) -> Path:
    """Train, surviving deaths of workers and of Ray Train's controller; checkpoints are continued.

    Whether a run may be continued is the caller's decision (`training.pipeline`); each call uses a
    Ray run of its own below the run's folder, so Ray never resumes in silence.

    Args:
        plan: what workers need to know; its token must be the folder's owner.
        scaling: where, and what is survived.
        note: is told of each fault and restart, in words.
    Returns: the checkpoint with the last epoch, whole and verified.
    Raises: TrainingFailed if workers kept dying, the disk stayed full, or none left a checkpoint;
        KeyboardInterrupt for Ctrl-C.
    """
    import ray.train
    from ray.exceptions import RayActorError

    from training.agreement import free_room
    from training.checkpoint import latest, take_over
    from training.errors import TrainingFailed
    from training.faults import FaultTail, tell
    from training.heartbeat import Heartbeat

    seen = FaultTail(plan.run_folder, skip=True)

    def show() -> None:
        for fault in seen.read():
            if note is not None:
                note(fault.text)

    resume = (
        f"mend the cause, then go on with: commonspace train --resume --name {plan.run_folder.name}"
    )
    name, deaths = plan.run_folder.name, 0
    while True:
        try:
            trainer = _trainer(plan, scaling)
            with Heartbeat(plan.run_folder, plan.token, show), patience(scaling):
                stopped = trainer.fit().return_value
        except ray.train.TrainingFailedError as error:
            message = f"training of run {name!r} failed: {_cause(error)}"
            raise TrainingFailed(message, hint=resume) from error
        except SystemExit as left:
            if left.code == 0:  # what Ray makes of Ctrl-C would pass for success
                raise KeyboardInterrupt from None
            raise
        except RayActorError as error:
            if "exit_actor" in str(error):  # it was told to go
                raise KeyboardInterrupt from None
            deaths += 1
            if deaths > scaling.controller_failures:
                message = f"Ray Train's controller of run {name!r} died {deaths} times: {error}"
                raise TrainingFailed(message.splitlines()[0], hint=resume) from error
            plan = replace(plan, token=take_over(plan.run_folder))  # its workers are locked out
            free_room(plan.run_folder)
            text = "Ray Train's controller died; a new one begins"
            tell(plan.run_folder, "controller_died", text)
        else:
            break
    if stopped:
        raise TrainingFailed(f"training of run {name!r} stopped: {stopped}", hint=resume)
    checkpoint = latest(plan.run_folder / "checkpoints")
    if checkpoint is None:
        raise TrainingFailed(f"run {name!r} ended without a whole checkpoint")
    return checkpoint


@contextmanager
def patience(scaling: ScalingConfig) -> Iterator[None]:
    """How long Ray Train's controllers that are started inside wait for room for their workers.

    An elastic run has planned for the room that there was a moment ago. If a node has died since,
    Ray waits for it as for one that is still to come, and only then looks at what is left.
    """
    if not _asks_often(scaling):
        yield
        return
    os.environ[_ROOM_S] = str(60 // _ROOM_TRIES)  # Ray hands it on to the controller
    try:
        yield
    finally:
        del os.environ[_ROOM_S]


def _asks_often(scaling: ScalingConfig) -> bool:
    return scaling.least_workers is not None and _ROOM_S not in os.environ


def _tries(scaling: ScalingConfig) -> int:
    """How often there may be no room; see `patience`."""
    return scaling.controller_failures * (_ROOM_TRIES if _asks_often(scaling) else 1)


def _trainer(plan: FitPlan, scaling: ScalingConfig) -> "TorchTrainer":
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    from training.acceleration.devices import collectives

    least = scaling.least_workers
    return TorchTrainer(
        _worker,
        train_loop_config={"plan": plan, "scaling": scaling},
        torch_config=TorchConfig(backend=collectives(scaling.gpus)),
        scaling_config=ray.train.ScalingConfig(
            num_workers=scaling.workers if least is None else (least, scaling.workers),
            elastic_resize_monitor_interval_s=scaling.resize_after_s,
            use_gpu=scaling.gpus,
            accelerator_type=scaling.accelerator if scaling.gpus else None,
            resources_per_worker={"CPU": scaling.cpus_per_worker}
            | ({"GPU": 1} if scaling.gpus else {}),
        ),
        run_config=ray.train.RunConfig(
            name=f"fit-{plan.token}",
            storage_path=str(plan.run_folder / "checkpoints"),
            failure_config=ray.train.FailureConfig(
                max_failures=scaling.max_failures,
                controller_failure_limit=_tries(scaling),
                max_preemption_failures=-1 if scaling.preemptions is None else scaling.preemptions,
            ),
            logging_config=ray.train.LoggingConfig(log_level="WARNING"),
            callbacks=[plan.watch.restarts()],
        ),
    )


def _worker(config: dict[str, Any]) -> str:
    """What each worker runs; why it stopped before the end, or nothing."""
    from training.agreement import Stopped
    from training.heartbeat import Watchdog

    plan, scaling = config["plan"], config["scaling"]
    with Watchdog(plan.run_folder, plan.token, scaling.orphans_stop_after_s):
        try:
            _train(plan, scaling)
        except Stopped as stop:
            return str(stop)
    return ""


def _train(plan: FitPlan, scaling: ScalingConfig) -> None:
    """Restore the newest whole checkpoint, train, keep checkpoints as it goes."""
    import ray.train.torch

    from training import checkpoint, loop
    from training.acceleration import AccelerationConfig
    from training.agreement import Group
    from training.checkpoint_store import keep
    from training.examples import Examples
    from training.tracking.metrics_log import append_metrics
    from training.whitened import with_whitened

    group = Group(plan.run_folder, plan.token, scaling.disk_patience_s)
    group.go_on()
    device = ray.train.torch.get_device()
    examples = Examples.load(plan.examples_folder)
    settings = loop.LoopConfig.parse(plan.loop)
    acceleration = AccelerationConfig.parse(plan.acceleration)
    state = loop.begin(build_objective(plan, examples).to(device), settings, acceleration)
    examples = with_whitened(examples, plan.examples_folder)
    newest = group.newest(plan.run_folder / "checkpoints")
    if newest is not None:
        checkpoint.load(newest, state)
    group.tell_start(state.progress.epoch)

    def report(metrics: dict[str, float], state: "State") -> None:
        whole = checkpoint.snapshot(state)  # by all workers: each may hold a share

        def tell() -> None:
            if metrics:  # else within an epoch
                append_metrics(plan.run_folder / METRICS, state.progress.epoch, metrics)

        def write() -> None:
            assert whole is not None  # worker 0 alone writes
            keep(plan.run_folder / "checkpoints", whole)

        group.go_on(tell, write)

    loop.run(state, examples, settings, plan.watch.reporting(report), acceleration)


def build_objective(plan: FitPlan, examples: "Examples") -> "Objective":
    """Towers, losses and trained encoders of a plan, seeded alike on every worker."""
    import torch
    from safetensors.torch import load_file

    from training.encoders import EncoderConfig, build_image_encoder, build_text_encoder
    from training.model import JointSpace, ModelConfig
    from training.objective import LossesConfig, Objective
    from training.tuning import Content

    torch.manual_seed(plan.loop["seed"])
    space = JointSpace(
        ModelConfig.parse(plan.space),
        users=len(examples.users),
        image_features=examples.features.image.shape[1],
        text_features=examples.features.text.shape[1],
    )
    build = {"image": build_image_encoder, "text": build_text_encoder}
    whitening = plan.examples_folder / WHITENING
    if whitening.exists():
        space.load_state_dict(load_file(whitening), strict=False)
    encoders = {m: build[m](EncoderConfig.parse(c)) for m, c in plan.encoders.items()}
    content = Content(plan.data_folder) if plan.data_folder and encoders else None
    return Objective(space, LossesConfig.parse(plan.losses), encoders, content)


def save_inputs(plan: FitPlan, examples: "Examples") -> None:
    """Write what workers read: the examples, and the whitening fitted to their training posts.

    Fitted here, once: principal directions have no sign, and workers must agree on one.
    """
    from safetensors.torch import save_file

    from training.whitened import save_whitened

    examples.save(plan.examples_folder)
    plan.examples_folder.joinpath(WHITENING).unlink(missing_ok=True)
    space = build_objective(plan, examples).space
    space.fit_inputs(examples.features, examples.rows("train"))
    fitted = {
        name: tensor.contiguous()
        for name, tensor in space.state_dict().items()
        if name.startswith(("whiten_", "meaning.scale"))
    }
    save_file(fitted, plan.examples_folder / WHITENING)
    if not plan.encoders:  # else the features change while the encoders learn
        save_whitened(space, examples, plan.examples_folder)


def best_objective(plan: FitPlan, examples: "Examples", checkpoint: Path) -> "Objective":
    """The objective with the weights of its best epoch; a table that was sharded is whole."""
    from training.checkpoint import best_weights
    from training.model import ModelConfig

    space = ModelConfig.parse(plan.space).unsharded().model_dump(mode="json")
    objective = build_objective(replace(plan, space=space), examples)
    objective.load_state_dict(best_weights(checkpoint))
    return objective.eval()


def _cause(error: Exception) -> str:
    """The last line of the worker's own error, without Ray's wrapping."""
    failures = getattr(error, "worker_failures", None) or {}
    for failure in failures.values():
        return str(failure).strip().splitlines()[-1]
    return str(error.__cause__ or error).strip().splitlines()[-1]
