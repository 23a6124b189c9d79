"""Embeddings of all workers, with gradients; without a process group everything is the identity."""

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """How many workers train together; 1 outside a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this worker, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


class _Gather(torch.autograd.Function):
    """all_gather forward; backward sums all workers' gradients for this worker's rows (all_reduce).

    The rows a worker holds are candidates in the losses of all workers, so its embeddings' gradient
    is the sum over them. Shapes must be equal across workers (`gather` pads).
    """

    @staticmethod
    def forward(ctx, local: Tensor) -> Tensor:  # type: ignore[override]
        parts = [torch.empty_like(local) for _ in range(world_size())]
        dist.all_gather(parts, local.contiguous())
        ctx.rows = len(local)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        start = rank() * ctx.rows
        return total[start : start + ctx.rows]


def gather(local: Tensor, most: int) -> Tensor:
    """Rows of all workers in rank order, differentiable.

    Args:
        local: (n, …) this worker's rows; n may differ between workers.
        most: the largest n of any worker, known to all without communication.
    Returns: (world * most, …); rows beyond a worker's n are zeros, to be masked by the caller.
    """
    if world_size() == 1:
        return local
    missing = most - len(local)
    if missing:
        local = torch.cat([local, local.new_zeros(missing, *local.shape[1:])])
    if local.is_floating_point():
        return _Gather.apply(local)  # type: ignore[return-value]
    parts = [torch.empty_like(local) for _ in range(world_size())]
    dist.all_gather(parts, local.contiguous())
    return torch.cat(parts)


def exchange(rows: Tensor, sent: list[int], received: list[int]) -> Tensor:
    """Rows to the workers that they are for, and theirs for this one: `all_to_all`, no gradient.

    Args:
        rows: (n, …) ordered by receiver.
        sent: how many go to each worker; sums to n.
        received: how many come from each.
    """
    if world_size() == 1:
        return rows
    arrived = rows.new_empty(sum(received), *rows.shape[1:])
    dist.all_to_all_single(arrived, rows.contiguous(), received, sent)
    return arrived


def to_first(rows: Tensor, most: int) -> list[Tensor]:
    """Rows (n, …) of each worker at worker 0, padded to `most`; nothing at the others."""
    if world_size() == 1:
        return [rows]
    padded = rows.new_zeros(most, *rows.shape[1:])
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in range(world_size())] if rank() == 0 else None
    dist.gather(padded, parts)
    return parts or []


def total(value: Tensor) -> Tensor:
    """Sum of a tensor over all workers, without gradient."""
    if world_size() == 1:
        return value.detach()
    result = value.detach().clone()
    dist.all_reduce(result)
    return result


def from_first(value: int) -> int:
    """Worker 0's integer, on every worker."""
    if world_size() == 1:
        return value
    box = torch.tensor([value])
    if dist.get_backend() == "nccl":
        box = box.cuda()
    dist.broadcast(box, 0)
    return int(box.item())
