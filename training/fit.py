"""Joint training on a Ray cluster: workers, restarts, checkpoints, and who may write into a run."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from training.config import Config

if TYPE_CHECKING:
    from training.examples import Examples
    from training.objective import Objective

METRICS = "metrics.jsonl"
WHITENING = "whitening.safetensors"


class ScalingConfig(Config):
    """Where training runs."""

    workers: Annotated[int, Field(ge=1)] = 2
    """Data-parallel processes."""
    gpus: bool = False
    """One GPU a worker, over NCCL; otherwise CPUs over gloo."""
    cpus_per_worker: Annotated[float, Field(gt=0)] = 1
    max_failures: Annotated[int, Field(ge=0)] = 8
    """Worker deaths that a run survives."""


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
        encoders: fields of `EncoderConfig` by modality, for encoders that are trained too.
        data_folder: the clean data, whose raw content those encoders read.
    """

    run_folder: Path
    examples_folder: Path
    token: str
    space: dict[str, Any]
    losses: dict[str, Any]
    loop: dict[str, Any]
    encoders: dict[str, dict[str, Any]] = field(default_factory=dict)
    data_folder: Path | None = None


def fit(plan: FitPlan, scaling: ScalingConfig) -> Path:
    """Train, surviving worker deaths; a folder that holds checkpoints is continued.

    Whether a run may be continued is the caller's decision (`training.pipeline`); each call uses a
    Ray run of its own below the run's folder, so Ray never resumes in silence.

    Returns: the checkpoint with the last epoch, whole and verified.
    Raises: TrainingFailed if workers kept dying or none left a checkpoint.
    """
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    from training.checkpoint import latest
    from training.errors import TrainingFailed

    trainer = TorchTrainer(
        _worker,
        train_loop_config={"plan": plan},
        torch_config=TorchConfig(backend="nccl" if scaling.gpus else "gloo"),
        scaling_config=ray.train.ScalingConfig(
            num_workers=scaling.workers,
            use_gpu=scaling.gpus,
            resources_per_worker={"CPU": scaling.cpus_per_worker}
            | ({"GPU": 1} if scaling.gpus else {}),
        ),
        run_config=ray.train.RunConfig(
            name=f"fit-{plan.token}",
            storage_path=str(plan.run_folder / "checkpoints"),
            failure_config=ray.train.FailureConfig(max_failures=scaling.max_failures),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
            logging_config=ray.train.LoggingConfig(log_level="WARNING"),
        ),
    )
    try:
        trainer.fit()
    except ray.train.TrainingFailedError as error:
        raise TrainingFailed(
            f"training of run {plan.run_folder.name!r} failed: {_cause(error)}",
            hint=f"mend the cause, then go on with: commonspace train --resume "
            f"--name {plan.run_folder.name}",
        ) from error
    checkpoint = latest(plan.run_folder / "checkpoints")
    if checkpoint is None:
        raise TrainingFailed(f"run {plan.run_folder.name!r} ended without a whole checkpoint")
    return checkpoint


def _worker(config: dict[str, FitPlan]) -> None:
    """What each worker runs: restore the newest whole checkpoint, train, report every epoch."""
    import ray.train
    import ray.train.torch

    from training import checkpoint, loop
    from training.distributed import rank
    from training.examples import Examples
    from training.state import State
    from training.tracking.metrics_log import append_metrics

    plan = config["plan"]
    _require_ownership(plan)
    device = ray.train.torch.get_device()
    examples = Examples.load(plan.examples_folder)
    settings = loop.LoopConfig.parse(plan.loop)
    state = loop.begin(build_objective(plan, examples).to(device), settings)
    newest = _agree(checkpoint.latest(plan.run_folder / "checkpoints") if rank() == 0 else None)
    if newest is not None:
        checkpoint.load(newest, state)

    def report(metrics: dict[str, float], state: State) -> None:
        _require_ownership(plan)
        if rank() != 0:
            ray.train.report(metrics)
            return
        append_metrics(plan.run_folder / METRICS, state.progress.epoch, metrics)
        with tempfile.TemporaryDirectory() as folder:
            checkpoint.save(Path(folder), state)
            ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))

    loop.run(state, examples, settings, report, device)


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

    examples.save(plan.examples_folder)
    plan.examples_folder.joinpath(WHITENING).unlink(missing_ok=True)
    space = build_objective(plan, examples).space
    space.fit_inputs(examples.features[examples.rows("train")])
    fitted = {
        name: tensor.contiguous()
        for name, tensor in space.state_dict().items()
        if name.startswith(("whiten_", "meaning.scale"))
    }
    save_file(fitted, plan.examples_folder / WHITENING)


def best_objective(plan: FitPlan, examples: "Examples", checkpoint: Path) -> "Objective":
    """The objective with the weights of its best epoch."""
    from safetensors.torch import load_file

    objective = build_objective(plan, examples)
    objective.load_state_dict(load_file(checkpoint / "best.safetensors"))
    return objective.eval()


def _require_ownership(plan: FitPlan) -> None:
    from training import checkpoint
    from training.errors import Conflict

    if checkpoint.owner(plan.run_folder) != plan.token:
        raise Conflict(f"run {plan.run_folder.name!r} has a new driver; this one stops")


def _agree(path: Path | None) -> Path | None:
    """Worker 0's choice on all workers: two looks at a folder that is written may differ."""
    import torch.distributed as dist

    from training.distributed import world_size

    if world_size() == 1:
        return path
    box = [path]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def _cause(error: Exception) -> str:
    """The last line of the worker's own error, without Ray's wrapping."""
    failures = getattr(error, "worker_failures", None) or {}
    for failure in failures.values():
        return str(failure).strip().splitlines()[-1]
    return str(error.__cause__ or error).strip().splitlines()[-1]
