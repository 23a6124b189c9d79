"""Sums over many rows in the memory of a few: each chunk's gradient is computed at once."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

Groups = Sequence[Sequence[Tensor]]
Sums = Callable[[slice, Groups], Sequence[Tensor]]
"""Some rows, and T groups of tensors, to T scalars: sums over these rows."""


def chunked_sums(sums: Sums, rows: int, chunk: int, inputs: Groups) -> Tensor:
    """`sums` of all rows, chunk by chunk: (T,), differentiable.

    What a chunk computes is let go before the next one begins. Checkpointing would do so too, and
    compute everything a second time in the backward pass; here the chunk's gradient is computed
    along with its sums, and the backward pass only scales it, as fused cross-entropies do
    (Hsu et al., arXiv 2410.10989).

    Args:
        sums: is handed a slice of rows and the inputs, cut off from what made them. A parameter
            stays itself, so that `sums` may also read it through the module that owns it.
        rows: how many there are.
        chunk: how many at once.
        inputs: T groups of tensors; the t-th scalar depends on the t-th group alone.
    """
    if not torch.is_grad_enabled():
        inputs = [[tensor.detach() for tensor in group] for group in inputs]
    sizes = [len(group) for group in inputs]
    flat = [tensor for group in inputs for tensor in group]
    return _Chunked.apply(sums, rows, chunk, sizes, *flat)  # type: ignore[return-value]


class _Chunked(torch.autograd.Function):
    """Forward: sums and their gradient. Backward: the gradient times what comes from above."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, sums: Sums, rows: int, chunk: int, sizes: list[int], *inputs: Tensor
    ) -> Tensor:
        learned = [number for number, tensor in enumerate(inputs) if tensor.requires_grad]
        gradients = [torch.zeros_like(inputs[number]) for number in learned]
        result = torch.zeros(len(sizes), device=inputs[0].device)
        with torch.set_grad_enabled(bool(learned)):
            leaves = [_leaf(tensor) for tensor in inputs]
            for part in _slices(rows, chunk):
                values = torch.stack(list(sums(part, _grouped(leaves, sizes))))
                result += values.detach()
                if values.requires_grad:
                    _add(gradients, values, [leaves[number] for number in learned])
        ctx.learned, ctx.sizes = learned, sizes
        ctx.save_for_backward(*gradients)
        return result

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        group = [number for number, size in enumerate(ctx.sizes) for _ in range(size)]
        found: list[Tensor | None] = [None] * len(group)
        for number, gradient in zip(ctx.learned, ctx.saved_tensors, strict=True):
            found[number] = gradient * above[group[number]].to(gradient.dtype)
        return None, None, None, None, *found


def _add(gradients: list[Tensor], values: Tensor, leaves: list[Tensor]) -> None:
    """Add the gradient of the sum of `values`, in place, and let its graph go."""
    found = torch.autograd.grad(values.sum(), leaves, allow_unused=True)
    for whole, part in zip(gradients, found, strict=True):
        if part is not None:
            whole += part


def _leaf(tensor: Tensor) -> Tensor:
    """The tensor without what made it; a parameter is itself, for its module reads it."""
    if tensor.is_leaf:
        return tensor
    return tensor.detach().requires_grad_(tensor.requires_grad)


def _grouped(flat: list[Tensor], sizes: list[int]) -> list[list[Tensor]]:
    remaining = iter(flat)
    return [[next(remaining) for _ in range(size)] for size in sizes]


def _slices(rows: int, chunk: int) -> Iterator[slice]:
    """At least one, which may be empty."""
    for start in range(0, max(rows, 1), chunk):
        yield slice(start, min(start + chunk, rows))
