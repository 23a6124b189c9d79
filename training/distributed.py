"""Embeddings of all workers, with gradients; without a process group everything is the identity."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """How many workers train together; 1 outside a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this worker, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def gather(parts: Sequence[Tensor], most: Sequence[int]) -> list[Tensor]:
    """Rows of all workers in rank order, differentiable, by one collective a type of number.

    What a step sends is small, and a collective costs its round trip and the wait for the slower
    worker more than its bytes: tensors that are gathered together share one.

    Args:
        parts: (n, …) each, this worker's rows; n may differ between workers.
        most: of each, the largest n of any worker, known to all without communication.
    Returns: (world * most, …) each; rows beyond a worker's n are zeros, to be masked by the caller.
    """
    if world_size() == 1:
        return list(parts)
    found: dict[int, Tensor] = {}
    for kind in dict.fromkeys(part.dtype for part in parts):
        places = [place for place, part in enumerate(parts) if part.dtype == kind]
        sizes = [most[place] for place in places]
        together = _Gather.apply(sizes, *(parts[place] for place in places))
        found |= zip(places, together, strict=True)  # type: ignore[arg-type]
    return [found[place] for place in range(len(parts))]


class _Gather(torch.autograd.Function):
    """all_gather forward; backward sums all workers' gradients for this worker's rows.

    The rows a worker holds are candidates in the losses of all workers, so its embeddings' gradient
    is the sum over them. It is added up here from what `all_to_all` brings: Gloo's reduce_scatter
    sums every row on every worker, in three times the time.
    """

    @staticmethod
    def forward(ctx: Any, most: list[int], *parts: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        padded = [_padded(part, n) for part, n in zip(parts, most, strict=True)]
        packed = torch.cat([each.flatten() for each in padded])
        flat = packed.new_empty(world_size() * len(packed))
        dist.all_gather_single(flat, packed)
        ctx.rows = [len(part) for part in parts]
        ctx.shapes = [each.shape for each in padded]
        columns = flat.reshape(world_size(), -1).split([each.numel() for each in padded], dim=1)
        return tuple(
            column.reshape(-1, *each.shape[1:])
            for column, each in zip(columns, padded, strict=True)
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        world = world_size()
        packed = torch.cat([gradient.reshape(world, -1) for gradient in gradients], dim=1)
        arrived = torch.empty_like(packed)
        dist.all_to_all_single(arrived, packed)
        columns = arrived.sum(dim=0).split([shape.numel() for shape in ctx.shapes])
        mine = zip(columns, ctx.shapes, ctx.rows, strict=True)
        return None, *(column.reshape(shape)[:rows] for column, shape, rows in mine)


def _padded(rows: Tensor, most: int) -> Tensor:
    missing = most - len(rows)
    return torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])]) if missing else rows


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
    padded = _padded(rows, most)
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
