"""What a training run carries from step to step, alive."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from training.averaging import decay_at
from training.checkpoint import Progress
from training.model.sharded_table import first_may_ask, sharded_tables
from training.objective import Objective
from training.table_rows import TableRows


@dataclass
class State:
    """Weights, moments, averages and counters; what a checkpoint holds.

    Attributes:
        objective: towers, losses and encoders that learn.
        optimizer: over their parameters.
        average: moving average of the weights.
        best: the average as it was after the best epoch.
        progress: counters.
        tables: rows of sharded user tables by name, whose weights, moments and averages are no part
            of the above.
    """

    objective: Objective
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    progress: Progress
    tables: dict[str, TableRows] = field(default_factory=dict)

    @torch.no_grad()
    def stepped(self, decay: float) -> None:
        """Count a step and move the average; faster in the first steps, when it is still far off.

        Args:
            decay: of the average per step, in the long run.
        """
        step = self.progress.step + 1
        self.progress = replace(self.progress, step=step)
        self._update_tables(step, decay)
        decay = decay_at(step, decay)
        learned = {n: p for n, p in self.objective.named_parameters() if p.requires_grad}
        averages = [self.average[name] for name in learned]
        torch._foreach_lerp_(averages, list(learned.values()), 1 - decay)
        for name, buffer in self.objective.named_buffers():
            if name in self.average:
                self.average[name].copy_(buffer)

    def keep_best(self) -> None:
        """The average as it is now is the best so far."""
        self.best = {name: tensor.clone() for name, tensor in self.average.items()}
        for rows in self.tables.values():
            rows.keep_best()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The objective with the averaged weights for the body of a `with`.

        With sharded tables every worker enters; in the body worker 0 alone uses the objective.
        """
        weights = _copy(self.objective)
        self.objective.load_state_dict(self.average)
        try:
            with ExitStack() as stack:
                for rows in self.tables.values():
                    stack.enter_context(rows.averaged())
                stack.enter_context(first_may_ask([rows.table for rows in self.tables.values()]))
                yield
        finally:
            self.objective.load_state_dict(weights)

    def whole_tables(self) -> dict[str, Tensor]:
        """The tables' rows of all workers, on worker 0, for a checkpoint; every worker calls it."""
        return {
            f"{name}.{part}": tensor
            for name, rows in self.tables.items()
            for part, tensor in rows.whole().items()
        }

    def take_tables(self, path: Path) -> None:
        """The tables' rows from a checkpoint's file, after `progress`."""
        for name, rows in self.tables.items():
            rows.take(path, name, self.progress.step)

    def _update_tables(self, step: int, decay: float) -> None:
        group = self.optimizer.param_groups[0]
        for rows in self.tables.values():
            rows.update(group["lr"] / group["peak"], step, decay)


def fresh(
    objective: Objective,
    *,
    learning_rate: float,
    encoder_learning_rate: float,
    weight_decay: float,
    fused: bool = False,
) -> State:
    """The state before the first step.

    Matrices decay; vectors and scalars don't; encoders learn at their own rate. Each group keeps
    its full rate as `peak`, for the schedule. `fused` takes one kernel for the whole step.
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
        fused=fused,
    )
    tables = {
        name: TableRows(table, learning_rate, weight_decay)
        for name, table in sharded_tables(objective).items()
    }
    return State(objective, optimizer, _copy(objective), _copy(objective), Progress(), tables)


def _copy(objective: Objective) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in objective.state_dict().items()}
