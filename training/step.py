"""One step: the gradient of a batch over all workers, and what is done with it."""

import math
from contextlib import nullcontext
from functools import partial

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.acceleration import AccelerationConfig
from training.acceleration.devices import autocast
from training.acceleration.sharding import is_sharded, synchronise
from training.batches import Batch
from training.distributed import world_size
from training.gradient_cache import cached_backward
from training.loop_config import LoopConfig
from training.objective import Objective
from training.state import State


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


def backward(
    model: nn.Module,
    objective: Objective,
    batch: Batch,
    config: LoopConfig,
    acceleration: AccelerationConfig,
    stepping: bool,
) -> dict[str, Tensor]:
    """Add a batch's gradient to the weights'.

    Args:
        model: the objective as `parallel` gives it.
        objective: inside it.
        batch: this worker's share, on the device.
        config: whether the batch is encoded in parts.
        acceleration: how the forward pass computes.
        stepping: whether a step follows, for which the workers' gradients meet.
    Returns: each term's part of the global loss, detached.
    """
    casting = partial(autocast, acceleration, batch.people.device)
    if 0 < config.cache_rows < max(batch.most_posts, batch.most_people):
        return cached_backward(
            model,
            objective,
            batch,
            rows=config.cache_rows,
            scale=1 / config.accumulate,
            synchronised=lambda last: synchronised(model, stepping and last),
            casting=casting,
        )
    with synchronised(model, stepping):
        with casting():
            loss, terms = model(batch)
        (loss / config.accumulate).backward()
    return terms


def step(state: State, config: LoopConfig, total_steps: int) -> None:
    """Clip the gradient, move the weights by it, and move their average."""
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


def synchronised(model: nn.Module, stepping: bool):
    """The workers' gradients meet in a backward pass inside, if a step follows."""
    if isinstance(model, DistributedDataParallel) and not stepping:
        return model.no_sync()
    synchronise(model, stepping)
    return nullcontext()
