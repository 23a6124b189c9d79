"""FSDP2: each worker holds a share of every weight, gradient, moment and average.

Units that are gathered together: each block of an encoder, the rest of that encoder, and the root
with all towers and losses. Collectives of a step: an all-gather a unit forward (and again backward,
but for the root), a reduce-scatter of its gradients backward. Every worker must run every unit in
every step, or the others wait for ever; `training.tuning` gives an encoder a stand-in where a
worker's share holds nothing for it. (A step in which nobody's does moves that encoder by its
momentum alone; whole copies stay where they are.)

Source: Zhao et al., PyTorch FSDP (arXiv 2304.11277); `torch.distributed.fsdp.fully_shard`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from training.distributed import world_size
from training.encoders.tuning import blocks_of
from training.errors import BadConfig


def shard(
    root: nn.Module,
    backbones: Sequence[tuple[nn.Module, nn.Module]],
    device: torch.device,
    half: bool,
) -> None:
    """Shard a module over all workers, in place.

    Args:
        root: everything that learns, on the device.
        backbones: encoders inside it, each with its backbone.
        device: of this worker.
        half: gather the weights of encoder blocks in bfloat16; gradients are summed in float32.

    Raises: BadConfig if a parameter is a scalar, which can't be shared out.
    """
    from torch.distributed.device_mesh import init_device_mesh

    scalars = [name for name, p in root.named_parameters() if p.ndim == 0]
    if scalars:
        raise BadConfig(
            f"acceleration.sharding=fsdp can't share out the scalar {scalars[0]}",
            hint="make it a tensor of one element",
        )
    root.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # as FSDP wants it
    mesh = init_device_mesh(device.type, (world_size(),))
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if half else None, reduce_dtype=torch.float32
    )
    for encoder, backbone in backbones:
        for block in blocks_of(backbone):
            fully_shard(block, mesh=mesh, mp_policy=policy)
        fully_shard(encoder, mesh=mesh)
    fully_shard(root, mesh=mesh)
    # encoders also run alone, between epochs: the root must know that it is the root before
    fully_shard.state(root)._lazy_init()  # type: ignore[attr-defined]


def is_sharded(module: nn.Module) -> bool:
    """Whether `shard` was here."""
    return isinstance(module, FSDPModule)


@contextmanager
def towers_whole(root: nn.Module) -> Iterator[None]:
    """The root's own weights whole on every worker for the body of a `with`; all must enter it.

    Encoders stay sharded. Without sharding nothing happens.
    """
    if not isinstance(root, FSDPModule):
        yield
        return
    root.unshard()
    try:
        yield
    finally:
        root.reshard()


def synchronise(module: nn.Module, stepping: bool) -> None:
    """Whether the next backward pass sums gradients over workers, as the last before a step must.

    Until then they pile up unsharded.
    """
    if isinstance(module, FSDPModule):
        module.set_requires_gradient_sync(stepping)


def whole(tensor: Tensor) -> Tensor:
    """A tensor with all its shares, on the CPU; every worker takes part if it is sharded."""
    full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full.detach().cpu()


def like(full: Tensor, model: Tensor) -> Tensor:
    """A whole tensor as this worker holds `model`: its share, on its device, in its shape.

    No communication: every worker has the whole and takes its part.
    """
    if full.shape != model.shape and full.numel() == model.numel() == 1:
        full = full.reshape(model.shape)  # scalars of older checkpoints
    full = full.to(model.device)
    if not isinstance(model, DTensor):
        return full
    placements: Any = model.placements
    return distribute_tensor(full, model.device_mesh, placements, src_data_rank=None)
