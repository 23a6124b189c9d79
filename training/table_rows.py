"""Training of a sharded table: only the rows that a step touched are read and written.

What is kept of each row besides its vector: a first moment as wide as the vector, one second
moment for the whole row, how often it was updated, its moving average and up to which step that
holds, and the average of the best epoch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from training.averaging import decay_at, kept
from training.distributed import rank, to_first
from training.model.sharded_table import ShardedTable

BETAS = (0.9, 0.98)
_SMALL = 1e-8
_AT_ONCE = 65_536
"""Rows that are worked on at once where all are."""
PARTS = ("weight", "moment", "square", "updates", "average", "best")
"""What a checkpoint holds of each row."""


class TableRows:
    """A lazy Adam and a lazy moving average over this worker's rows.

    A row that has no gradient in a step is as if the step had not been: its moments don't decay,
    its weights don't, and it moves not at all. The average does go on in steps that pass a row by,
    towards a vector that stands still: those steps are made up for in closed form, exactly, when
    the row is next touched or looked at.

    One second moment a row, with which all its coordinates are scaled, is the row-wise Adam of
    recommender systems (as in the optimizers of FBGEMM); moments are as many updates old as the row
    has had, not as the table has had steps.

    Args:
        table: whose rows.
        rate: full learning rate.
        weight_decay: share of a touched row that is taken away at rate 1.
    """

    def __init__(self, table: ShardedTable, rate: float, weight_decay: float) -> None:
        self.table, self.rate, self.weight_decay = table, rate, weight_decay
        weight = table.weight
        self.moment = torch.zeros_like(weight)
        self.square = weight.new_zeros(len(weight))
        self.updates = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
        self.average, self.best = weight.clone(), weight.clone()
        self._averaged_at = torch.zeros(len(weight), dtype=torch.long, device=weight.device)
        self._step, self._decay = 0, 0.0

    @torch.no_grad()
    def update(self, share: float, step: int, decay: float) -> None:
        """Move the rows that have a gradient.

        Args:
            share: of the full learning rate.
            step: of the optimizer, from 1.
            decay: of the moving average in the long run.
        """
        self._step, self._decay = step, decay
        rows, gradient = self.table.take_pending()
        if not len(rows):
            return
        self._catch_up(rows, step - 1)
        weight = self._moved(rows, gradient, self.rate * share)
        self.table.weight[rows] = weight
        self.average[rows] = self.average[rows].lerp(weight, 1 - decay_at(step, decay))
        self._averaged_at[rows] = step

    def _moved(self, rows: Tensor, gradient: Tensor, rate: float) -> Tensor:
        first, second = BETAS
        moment = self.moment[rows].lerp(gradient, 1 - first)
        square = self.square[rows].lerp(gradient.square().mean(dim=1), 1 - second)
        updates = self.updates[rows] + 1
        self.moment[rows], self.square[rows], self.updates[rows] = moment, square, updates
        direction = moment / (1 - first**updates)[:, None]
        length = (square / (1 - second**updates)).sqrt() + _SMALL
        return self.table.weight[rows] * (1 - rate * self.weight_decay) - rate * (
            direction / length[:, None]
        )

    def _catch_up(self, rows: Tensor, step: int) -> None:
        """The average of rows that stood still, as it is after a step."""
        weight = self.table.weight[rows]
        left = kept(self._averaged_at[rows], step, self._decay).to(weight.dtype)
        self.average[rows] = weight + (self.average[rows] - weight) * left[:, None]
        self._averaged_at[rows] = step

    @torch.no_grad()
    def _catch_all_up(self) -> None:
        for rows in torch.arange(len(self.average), device=self.average.device).split(_AT_ONCE):
            self._catch_up(rows, self._step)

    def keep_best(self) -> None:
        """The average as it is now is the best so far."""
        self._catch_all_up()
        self.best.copy_(self.average)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The averages in the rows' place for the body of a `with`, in which nothing is trained."""
        self._catch_all_up()
        weight, self.table.weight = self.table.weight, self.average
        try:
            yield
        finally:
            self.table.weight = weight

    def whole(self) -> dict[str, Tensor]:
        """All workers' rows in their order, on the CPU of worker 0; empty on the others.

        Every worker calls it. Rows travel in parts of bounded size, but worker 0 then holds the
        whole table, with all that is kept beside it.
        """
        self._catch_all_up()
        found: dict[str, Tensor] = {}
        for name in PARTS:
            local = self._part(name)
            result = local.new_empty(self.table.users, *local.shape[1:], device="cpu")
            most = -(-self.table.users // self.table.world)
            for start in range(0, most, _AT_ONCE):
                end = min(start + _AT_ONCE, most)
                for worker, rows in enumerate(to_first(local[start:end], end - start)):
                    theirs = result[worker :: self.table.world][start:end]
                    theirs.copy_(rows[: len(theirs)])
            if rank() == 0:
                found[name] = result
        return found

    def take(self, path: Path, prefix: str, step: int) -> None:
        """Read this worker's rows from what `whole` gave, of however many workers.

        Args:
            path: of a safetensors file.
            prefix: of the tensors' names in it.
            step: that the averages in it belong to.
        """
        world, users = self.table.world, self.table.users
        with safe_open(path, "pt") as file:
            for name in PARTS:
                whole, local = file.get_slice(f"{prefix}.{name}"), self._part(name)
                for start in range(0, users, _AT_ONCE * world):
                    rows = whole[start : start + _AT_ONCE * world][self.table.rank :: world]
                    first = start // world
                    local[first : first + len(rows)] = rows.to(local.device)
        self._step = step
        self._averaged_at.fill_(step)

    def _part(self, name: str) -> Tensor:
        return self.table.weight if name == "weight" else getattr(self, name)
