"""The training loop: one screen, the same for one process, many workers, CPU and GPU."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.acceleration import AccelerationConfig
from training.acceleration.apply import accelerate
from training.acceleration.devices import autocast, fuses, settings
from training.acceleration.prefetching import feed
from training.acceleration.sharding import is_sharded, synchronise
from training.batches import Batch, BatchSampler
from training.checkpoint import Progress
from training.config import Config
from training.distributed import rank, world_size
from training.examples import Examples
from training.gradient_cache import cached_backward
from training.objective import Objective
from training.sampling import EvaluationConfig
from training.shuffle import Shuffle
from training.state import State, fresh
from training.tuning import refreshed
from training.validation import validate

Report = Callable[[dict[str, float], State], None]


class LoopConfig(Config):
    """How long and how fast the towers learn."""

    epochs: Annotated[int, Field(ge=1)] = 15
    batch_size: Annotated[int, Field(ge=2)] = 512
    """Posts of a step's global batch, all workers together."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches whose gradients are added before a step; negatives stay within a batch."""
    cache_rows: Annotated[int, Field(ge=0)] = 0
    """Posts, and people, that a worker encodes at once of a batch whose activations don't fit, in
    two passes; negatives are still the whole batch. 0 encodes all at once, in one pass."""
    people: Annotated[int, Field(ge=0)] = 512
    """People a batch holds at least, authors included; the others serve as negatives."""
    short_histories: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of people per step whose history is cut to one to four posts."""
    longest_history: Annotated[int, Field(ge=1)] | None = None
    """Posts of a history that a step reads at most, drawn anew each time; left out: all. Bounds the
    work of a step where some people post by the thousand."""
    shuffle: Shuffle = "full"
    """`full`, or `blocks` for tables many times larger than memory; see `training.shuffle`."""
    checkpoint_steps: Annotated[int, Field(ge=1)] | None = None
    """Steps between two checkpoints within an epoch; left out: checkpoints between epochs alone."""
    learning_rate: Annotated[float, Field(gt=0)] = 4e-3
    encoder_learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    """For encoders that are trained too."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of all steps in which the learning rate rises; then it falls along a cosine."""
    clip: Annotated[float, Field(gt=0)] = 5.0
    """Largest norm of a step's gradient."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.98
    """Decay per step of the moving average of the weights, which is what is kept; 0 for none."""
    patience: Annotated[int, Field(ge=1)] = 8
    """Epochs without a better validation score before training stops."""
    validation: EvaluationConfig = EvaluationConfig(people=10_000, posts=10_000)
    """Of how many people and posts an epoch is judged."""
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _moved(cls, values: Any) -> Any:
        """`bf16` was here; files of earlier releases that leave it off are still read."""
        if isinstance(values, Mapping) and "bf16" in values:
            if values["bf16"]:
                raise ValueError("bf16 has moved: say acceleration.precision=bf16")
            return {name: value for name, value in values.items() if name != "bf16"}
        return values


def begin(
    objective: Objective,
    config: LoopConfig,
    acceleration: AccelerationConfig = AccelerationConfig(),
) -> State:
    """The state before the first step.

    Args:
        objective: on the device where it will learn.
        config: rates.
        acceleration: put to work on the objective here, in place.
    """
    device = next(objective.parameters()).device
    accelerate(objective, acceleration, device)
    return fresh(
        objective,
        learning_rate=config.learning_rate,
        encoder_learning_rate=config.encoder_learning_rate,
        weight_decay=config.weight_decay,
        fused=fuses(acceleration, device),
    )


def run(
    state: State,
    examples: Examples,
    config: LoopConfig,
    report: Report,
    acceleration: AccelerationConfig = AccelerationConfig(),
) -> State:
    """Train until the epochs are done or validation has not improved for `patience` epochs.

    Args:
        state: fresh, or as a checkpoint left it: training goes on as if it had never stopped.
        examples: posts, people and splits.
        config: lengths and rates.
        report: called by every worker after every epoch with its metrics and the state; within an
            epoch, every `checkpoint_steps`, without metrics.
        acceleration: what `begin` was given.
    """
    device = next(state.objective.parameters()).device
    model = parallel(state.objective)
    if not examples.whitened:
        features = state.objective.inputs(examples.features)
        examples = replace(examples, features=features)
    sampler = BatchSampler(
        examples,
        batch_size=config.batch_size,
        people=config.people,
        short_histories=config.short_histories,
        longest_history=config.longest_history,
        shuffle=config.shuffle,
        seed=config.seed,
        rank=rank(),
        world=world_size(),
    )
    if state.progress.step:  # the table still holds the encoders' features from before training
        sampler.examples = _refreshed(state.objective, sampler.examples, device)
    total_steps = config.epochs * math.ceil(sampler.steps() / config.accumulate)
    while state.progress.epoch < config.epochs and not _exhausted(state.progress, config):
        state.objective.train()
        with settings(acceleration, device):
            metrics = _epoch(model, state, sampler, config, acceleration, total_steps, report)
        sampler.examples = _refreshed(state.objective, sampler.examples, device)
        metrics |= validate(state, sampler.examples, config.validation)
        state.gather_tables()
        report(metrics, state)
    return state


def _epoch(
    model: nn.Module,
    state: State,
    sampler: BatchSampler,
    config: LoopConfig,
    acceleration: AccelerationConfig,
    total_steps: int,
    report: Report,
) -> dict[str, float]:
    """Mean losses, posts per second of all workers, and how long this one waited for batches."""
    device = next(state.objective.parameters()).device
    epoch, done = state.progress.epoch, state.progress.batch
    sums = {n: torch.tensor(s, device=device) for n, s in state.progress.losses.items()}
    batches = sampler.steps()
    _seed_dropout(config, epoch, done)
    begun = time.perf_counter()
    waiting = feed(sampler.epoch(epoch, done), state.objective.read, acceleration, device)
    with closing(waiting):
        for number, batch in enumerate(waiting, start=done + 1):
            stepping = number % config.accumulate == 0 or number == batches
            with _synchronised(model, stepping):
                terms = _backward(model, state.objective, batch, config, acceleration, stepping)
            for name, value in terms.items():
                sums[name] = sums[name] + value if name in sums else value
            if stepping:
                _step(state, config, total_steps)
            if _pauses(config, number, batches):
                paused = time.perf_counter()
                losses = {name: float(value) for name, value in sums.items()}
                state.progress = replace(state.progress, batch=number, losses=losses)
                state.gather_tables()
                report({}, state)
                _seed_dropout(config, epoch, number)
                begun += time.perf_counter() - paused
    # a GPU has done its work only when its figures have arrived here
    losses = {f"loss/{name}": float(value) / batches for name, value in sums.items()}
    took = time.perf_counter() - begun
    return losses | {
        "train/samples_per_second": sampler.samples(done) / took,
        "train/data_wait": waiting.waited_s,
        "train/data_wait_share": waiting.waited_s / took,
    }


def _backward(
    model: nn.Module,
    objective: Objective,
    batch: Batch,
    config: LoopConfig,
    acceleration: AccelerationConfig,
    stepping: bool,
) -> dict[str, Tensor]:
    device = batch.people.device
    if 0 < config.cache_rows < max(batch.most_posts, batch.most_people):
        with autocast(acceleration, device):
            return cached_backward(
                model,
                objective,
                batch,
                rows=config.cache_rows,
                scale=1 / config.accumulate,
                synchronised=lambda last: _synchronised(model, stepping and last),
            )
    with autocast(acceleration, device):
        loss, terms = model(batch)
    (loss / config.accumulate).backward()
    return terms


def _pauses(config: LoopConfig, number: int, batches: int) -> bool:
    """Whether a checkpoint is due after this batch: never with gradients waiting for a step."""
    every = (config.checkpoint_steps or batches) * config.accumulate
    return number % every == 0 and number < batches


def _seed_dropout(config: LoopConfig, epoch: int, batch: int) -> None:
    """Let dropout depend on the worker and on where the last checkpoint was, and nothing else.

    So what is resumed goes on as if it had never stopped.
    """
    place = epoch * 1_009 + batch * 1_000_003
    torch.manual_seed(config.seed * 7_919 + place + rank())


def _step(state: State, config: LoopConfig, total_steps: int) -> None:
    nn.utils.clip_grad_norm_(state.objective.parameters(), config.clip)
    share = schedule(state.progress.step, total_steps, config.warmup)
    for group in state.optimizer.param_groups:
        group["lr"] = group["peak"] * share
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    state.stepped(config.average)


def schedule(step: int, total: int, warmup: float) -> float:
    """Share of the full learning rate at a step: linear warm-up, then a cosine to a hundredth."""
    rising = max(1, round(total * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.01 + 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))


def _refreshed(objective: Objective, examples: Examples, device: torch.device | str) -> Examples:
    if objective.content is None:
        return examples
    return refreshed(objective.encoders, examples, objective.content, device)


def _exhausted(progress: Progress, config: LoopConfig) -> bool:
    return progress.epoch - progress.best_epoch >= config.patience


def parallel(objective: Objective) -> nn.Module:
    """The objective as every worker runs it: gradients are their mean.

    Itself if there is one worker, and if its weights are sharded, which does the same.
    """
    if world_size() == 1 or is_sharded(objective):
        return objective
    return DistributedDataParallel(
        objective,
        gradient_as_bucket_view=True,
        find_unused_parameters=not objective.reaches_all,
    )


def _synchronised(model: nn.Module, stepping: bool):
    if isinstance(model, DistributedDataParallel) and not stepping:
        return model.no_sync()
    synchronise(model, stepping)
    return nullcontext()
