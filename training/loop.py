"""The training loop: one screen, the same for one process, many workers, CPU and GPU."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.batches import BatchSampler
from training.checkpoint import Progress
from training.config import Config
from training.distributed import from_first, rank, world_size
from training.embedding import embed_split
from training.evaluation.embedded import Direction
from training.evaluation.retrieval import evaluate_retrieval
from training.evaluation.selection import selection_score
from training.examples import Examples
from training.objective import Objective
from training.state import State, fresh
from training.tuning import refreshed


class LoopConfig(Config):
    """How long and how fast the towers learn."""

    epochs: Annotated[int, Field(ge=1)] = 15
    batch_size: Annotated[int, Field(ge=2)] = 512
    """Posts of a step's global batch, all workers together."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches whose gradients are added before a step; negatives stay within a batch."""
    people: Annotated[int, Field(ge=0)] = 512
    """People a batch holds at least, authors included; the others serve as negatives."""
    short_histories: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of people per step whose history is cut to one to four posts."""
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
    bf16: bool = False
    """Autocast to bfloat16, for GPUs."""
    seed: int = 0


def begin(objective: Objective, config: LoopConfig) -> State:
    """The state before the first step."""
    return fresh(
        objective,
        learning_rate=config.learning_rate,
        encoder_learning_rate=config.encoder_learning_rate,
        weight_decay=config.weight_decay,
    )


def run(
    state: State,
    examples: Examples,
    config: LoopConfig,
    report: Callable[[dict[str, float], State], None],
    device: torch.device | str = "cpu",
) -> State:
    """Train until the epochs are done or validation has not improved for `patience` epochs.

    Args:
        state: fresh, or as a checkpoint left it: training goes on as if it had never stopped.
        examples: posts, people and splits.
        config: lengths and rates.
        report: called by every worker after every epoch with its metrics and the state.
        device: where the objective is.
    """
    model = parallel(state.objective)
    sampler = BatchSampler(
        replace(examples, features=state.objective.inputs(examples.features)),
        batch_size=config.batch_size,
        people=config.people,
        short_histories=config.short_histories,
        seed=config.seed,
        rank=rank(),
        world=world_size(),
    )
    if state.progress.epoch:  # the table still holds the encoders' features from before training
        sampler.examples = _refreshed(state.objective, sampler.examples, device)
    total_steps = config.epochs * math.ceil(sampler.steps() / config.accumulate)
    for epoch in range(state.progress.epoch, config.epochs):
        if _exhausted(state.progress, config):
            break
        # dropout depends on the epoch and the worker alone: a resumed epoch is the same epoch
        torch.manual_seed(config.seed * 7_919 + epoch * 1_009 + rank())
        state.objective.train()
        metrics = _epoch(model, state, sampler, epoch, config, total_steps, device)
        sampler.examples = _refreshed(state.objective, sampler.examples, device)
        metrics |= _validate(state, sampler.examples, epoch)
        report(metrics, state)
    return state


def _epoch(
    model: nn.Module,
    state: State,
    sampler: BatchSampler,
    epoch: int,
    config: LoopConfig,
    total_steps: int,
    device: torch.device | str,
) -> dict[str, float]:
    sums: dict[str, Tensor] = {}
    batches = sampler.steps()
    for number, batch in enumerate(sampler.epoch(epoch), start=1):
        stepping = number % config.accumulate == 0 or number == batches
        with _synchronised(model, stepping), _autocast(config, device):
            loss, terms = model(batch.to(device))
            (loss / config.accumulate).backward()
        for name, value in terms.items():
            sums[name] = sums.get(name, torch.zeros(())) + value.cpu()
        if stepping:
            _step(state, config, total_steps)
    return {f"loss/{name}": float(value) / batches for name, value in sums.items()}


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


def _validate(state: State, examples: Examples, epoch: int) -> dict[str, float]:
    """Worker 0 scores the validation split; all workers learn whether it is the best."""
    metrics: dict[str, float] = {}
    best = state.progress.best_score
    improved = 0
    if rank() == 0:
        space, whitened = state.objective.space, not state.objective.encoders
        with state.averaged():
            embedded = embed_split(space, examples, "validation", whitened=whitened)
        retrieval = evaluate_retrieval(embedded)
        score = selection_score(retrieval)
        metrics = {
            f"validation/{direction}": values[Direction(direction).headline]
            for direction, values in retrieval.items()
        }
        metrics["validation/score"] = score
        improved = int(best is None or score > best)
        best = max(score, best) if best is not None else score
    progress = replace(state.progress, epoch=epoch + 1, best_score=best)
    if from_first(improved):
        state.keep_best()
        progress = replace(progress, best_epoch=epoch + 1)
    state.progress = progress
    return metrics


def _refreshed(objective: Objective, examples: Examples, device: torch.device | str) -> Examples:
    if objective.content is None:
        return examples
    return refreshed(objective.encoders, examples, objective.content, device)


def _exhausted(progress: Progress, config: LoopConfig) -> bool:
    return progress.epoch - progress.best_epoch >= config.patience


def parallel(objective: Objective) -> nn.Module:
    """The objective as every worker runs it: gradients are their mean; itself if there is one."""
    if world_size() == 1:
        return objective
    return DistributedDataParallel(
        objective,
        gradient_as_bucket_view=True,
        find_unused_parameters=not objective.reaches_all,
    )


def _synchronised(model: nn.Module, stepping: bool):
    if isinstance(model, DistributedDataParallel) and not stepping:
        return model.no_sync()
    return nullcontext()


def _autocast(config: LoopConfig, device: torch.device | str):
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=config.bf16)
