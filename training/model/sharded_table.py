"""One row a person, each row on one worker only."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.distributed import exchange, rank, world_size

_STOP = -1


class ShardedTable(nn.Module):
    """An embedding whose row r is on worker r modulo world.

    Looking rows up takes two exchanges between all workers: the rows' numbers to their owners, the
    vectors back. The backward pass takes a third: gradients to the owners, where they wait in
    `pending` until `training.table_rows` updates these rows and no others.

    The rows are neither a parameter nor in the state dict: no optimizer, no average over all
    weights and no data parallelism may touch them, each of which would read or send the whole
    table at every step.

    Args:
        users: rows of the whole table.
        dimension: of the vectors.
        start: standard deviation of their coordinates before training; the same for any number of
            workers.
    """

    weight: Tensor

    def __init__(self, users: int, dimension: int, start: float) -> None:
        super().__init__()
        self.users, self.dimension = users, dimension
        self.rank, self.world = rank(), world_size()
        seed = int(torch.randint(2**31, ()))
        rows = torch.arange(self.rank, users, self.world)
        self.register_buffer("weight", _started(rows, dimension, seed, start), persistent=False)
        self.pending: list[tuple[Tensor, Tensor]] = []
        self._answers: int | None = None

    def forward(self, users: Tensor) -> Tensor:
        """Rows of people (B,) long to (B, dimension); called by all workers alike."""
        rows, place = users.unique(return_inverse=True)
        if self._answers is not None:
            return self._asked(rows)[place]
        anchor = torch.empty(0, requires_grad=True)  # or autograd would not call the backward pass
        return _Lookup.apply(anchor, self, rows)[place]  # type: ignore[index]

    def take_pending(self) -> tuple[Tensor, Tensor]:
        """The summed gradient of rows that have one since the last call, and no longer wait for it.

        Returns: (n,) long rows of `weight`, and (n, dimension) gradients, none of them zero.
        """
        pending, self.pending = self.pending, []
        if not pending:
            return torch.arange(0), self.weight[:0]
        rows, place = torch.cat([rows for rows, _ in pending]).unique(return_inverse=True)
        sums = self.weight.new_zeros(len(rows), self.dimension)
        sums.index_add_(0, place, torch.cat([gradient for _, gradient in pending]))
        pulled = sums.any(dim=1)  # a row may be looked up and then masked
        return rows[pulled], sums[pulled]

    def _asked(self, rows: Tensor) -> Tensor:
        """Rows for worker 0, which alone calls this; the others are in `_answer`."""
        header = torch.tensor([self._answers, len(rows)], device=self.weight.device)
        dist.broadcast(header, 0)
        return self._answer(rows)

    def _answer(self, rows: Tensor) -> Tensor:
        dist.broadcast(rows, 0)
        mine = rows % self.world == self.rank
        found = self.weight.new_zeros(len(rows), self.dimension)
        found[mine] = self.weight[rows[mine] // self.world]
        dist.reduce(found, 0)
        return found


def sharded_tables(module: nn.Module) -> dict[str, ShardedTable]:
    """The sharded tables inside a module, by their names in it."""
    found = module.named_modules()
    return {name: inner for name, inner in found if isinstance(inner, ShardedTable)}


@contextmanager
def first_may_ask(tables: Sequence[ShardedTable]) -> Iterator[None]:
    """For the body of a `with` worker 0 looks rows up alone; the others answer at its end.

    Every worker enters; but for worker 0 the body must do nothing with the tables.
    """
    if world_size() == 1 or not tables:
        yield
        return
    if rank() != 0:
        yield
        _answer_all(tables)
        return
    try:
        for number, table in enumerate(tables):
            table._answers = number
        yield
    finally:
        for table in tables:
            table._answers = None
        dist.broadcast(torch.tensor([_STOP, 0], device=tables[0].weight.device), 0)


def _answer_all(tables: Sequence[ShardedTable]) -> None:
    device = tables[0].weight.device
    while True:
        header = torch.empty(2, dtype=torch.long, device=device)
        dist.broadcast(header, 0)
        number, count = header.tolist()
        if number == _STOP:
            return
        tables[number]._answer(torch.empty(count, dtype=torch.long, device=device))


class _Lookup(torch.autograd.Function):
    """Forward: rows from their owners. Backward: gradients to the owners, where they are kept."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, table: ShardedTable, rows: Tensor) -> Tensor:  # type: ignore[override]
        owner = rows % table.world
        order = owner.argsort(stable=True)
        asked = torch.bincount(owner, minlength=table.world)
        one_each = [1] * table.world
        sent, received = asked.tolist(), exchange(asked, one_each, one_each).tolist()
        wanted = exchange(rows[order] // table.world, sent, received)
        vectors = torch.empty(len(rows), table.dimension).to(table.weight)
        vectors[order] = exchange(table.weight[wanted], received, sent)
        ctx.table, ctx.order, ctx.wanted, ctx.counts = table, order, wanted, (sent, received)
        return vectors

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        arrived = exchange(gradient[ctx.order].contiguous(), *ctx.counts)
        # data parallelism takes the mean over workers; see `Objective.forward`
        ctx.table.pending.append((ctx.wanted, arrived.to(ctx.table.weight) / ctx.table.world))
        return None, None, None


def _started(rows: Tensor, dimension: int, seed: int, deviation: float) -> Tensor:
    """(n, dimension) numbers of the given deviation that depend on row, column and seed alone.

    Drawn by a hash (the finaliser of SplitMix64), not by a generator: a worker makes its own rows
    without making all the others.
    """
    found = torch.empty(len(rows), dimension)
    column = torch.arange(dimension)
    for start in range(0, len(rows), 16_384):
        part = rows[start : start + 16_384, None]
        bits = (part * dimension + column) * _signed(0x9E3779B97F4A7C15) + seed
        bits = (bits ^ _shifted(bits, 30)) * _signed(0xBF58476D1CE4E5B9)
        bits = (bits ^ _shifted(bits, 27)) * _signed(0x94D049BB133111EB)
        uniform = _shifted(bits ^ _shifted(bits, 31), 11).double() / 2**53
        found[start : start + 16_384] = (uniform - 0.5) * deviation * 12**0.5
    return found


def _shifted(bits: Tensor, places: int) -> Tensor:
    """To the right, filled with zeros."""
    return (bits >> places) & ((1 << (64 - places)) - 1)


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number
