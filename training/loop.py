"""The training loop: one screen, the same for one process, many workers, CPU and GPU."""

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import torch
from torch import nn

from training.acceleration import AccelerationConfig
from training.acceleration.apply import accelerate
from training.acceleration.devices import fuses, settings
from training.acceleration.prefetching import feed
from training.batches import BatchSampler
from training.checkpoint import Progress
from training.distributed import rank, world_size
from training.examples import Examples
from training.loop_config import LoopConfig
from training.objective import Objective
from training.state import State, fresh
from training.step import backward, parallel, step
from training.tuning import refreshed
from training.validation import validate

__all__ = ["LoopConfig", "Report", "begin", "run"]

Report = Callable[[dict[str, float], State], None]


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
    sums = {name: torch.tensor(value) for name, value in state.progress.losses.items()}
    batches = sampler.steps()
    _seed_dropout(config, epoch, done)
    begun = time.perf_counter()
    ready = sampler.epoch(epoch, start=done)
    waiting = feed(ready, state.objective.read, acceleration, device)
    with closing(waiting):
        for number, batch in enumerate(waiting, start=done + 1):
            stepping = number % config.accumulate == 0 or number == batches
            terms = backward(model, state.objective, batch, config, acceleration, stepping)
            for name, value in terms.items():
                sums[name] = sums[name].to(value.device) + value if name in sums else value
            if stepping:
                step(state, config, total_steps)
            if _pauses(config, number, batches):
                losses = {name: float(value) for name, value in sums.items()}
                state.progress = replace(state.progress, batch=number, losses=losses)
                report({}, state)
                _seed_dropout(config, epoch, number)
    # a GPU has done its work only when its figures have arrived here
    means = {f"loss/{name}": float(value) / batches for name, value in sums.items()}
    took = time.perf_counter() - begun
    return means | {
        "train/samples_per_second": sampler.samples(done) / took,
        "train/data_wait": waiting.waited_s,
        "train/data_wait_share": waiting.waited_s / took,
    }


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


def _refreshed(objective: Objective, examples: Examples, device: torch.device | str) -> Examples:
    if objective.content is None:
        return examples
    return refreshed(objective.encoders, examples, objective.content, device)


def _exhausted(progress: Progress, config: LoopConfig) -> bool:
    return progress.epoch - progress.best_epoch >= config.patience
