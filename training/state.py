"""What a training run carries from step to step, alive."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from training.checkpoint import Progress
from training.objective import Objective


@dataclass
class State:
    """Weights, moments, averages and counters; what a checkpoint holds.

    Attributes:
        objective: towers, losses and encoders that learn.
        optimizer: over their parameters.
        average: moving average of the weights.
        best: the average as it was after the best epoch.
        progress: counters.
    """

    objective: Objective
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    progress: Progress

    @torch.no_grad()
    def stepped(self, decay: float) -> None:
        """Count a step and move the average; faster in the first steps, when it is still far off.

        Args:
            decay: of the average per step, in the long run.
        """
        step = self.progress.step + 1
        self.progress = replace(self.progress, step=step)
        decay = min(decay, (1 + step) / (10 + step))
        for name, weight in self.objective.state_dict().items():
            if weight.is_floating_point():
                self.average[name].lerp_(weight, 1 - decay)
            else:
                self.average[name].copy_(weight)

    def keep_best(self) -> None:
        """The average as it is now is the best so far."""
        self.best = {name: tensor.clone() for name, tensor in self.average.items()}

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The objective with the averaged weights for the body of a `with`."""
        weights = _copy(self.objective)
        self.objective.load_state_dict(self.average)
        try:
            yield
        finally:
            self.objective.load_state_dict(weights)


def fresh(
    objective: Objective, *, learning_rate: float, encoder_learning_rate: float, weight_decay: float
) -> State:
    """The state before the first step.

    Matrices decay; vectors and scalars don't; encoders learn at their own rate. Each group keeps
    its full rate as `peak`, for the schedule.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in objective.named_parameters():
        if parameter.requires_grad:
            rate = encoder_learning_rate if name.startswith("encoders.") else learning_rate
            decay = weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    optimizer = torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "peak": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        betas=(0.9, 0.98),
        fused=next(objective.parameters()).is_cuda,
    )
    return State(objective, optimizer, _copy(objective), _copy(objective), Progress())


def _copy(objective: Objective) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in objective.state_dict().items()}
