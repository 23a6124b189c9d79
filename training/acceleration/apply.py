"""The configured paths, applied to an objective in the order in which they fit each other.

Checkpointing changes what a block's forward pass does, compilation takes that pass, sharding puts
its gathering around both.
"""

import logging

import torch
from torch import nn

from training.acceleration.activations import checkpoint_activations
from training.acceleration.compiling import compile_parts
from training.acceleration.config import AccelerationConfig
from training.acceleration.devices import computes_in_bf16
from training.acceleration.sharding import shard
from training.distributed import world_size
from training.encoders import Encoder
from training.encoders.tuning import blocks_of
from training.model.projection import Projection
from training.model.user_tower import UserTower

log = logging.getLogger(__name__)


def accelerate(
    objective: nn.Module, config: AccelerationConfig, device: torch.device | str = "cpu"
) -> None:
    """Checkpoint, compile and shard an objective that is on its device; before its optimizer.

    Raises: BadConfig if it can't be sharded.
    """
    shards = config.sharding == "fsdp" and world_size() > 1
    if config.sharding == "fsdp" and not shards:
        log.info("acceleration.sharding=fsdp has nothing to share out: there is one worker")
    learning = [
        (module, module.backbone)
        for module in objective.modules()
        if isinstance(module, Encoder) and any(p.requires_grad for p in module.parameters())
    ]
    if config.checkpointing:
        for _, backbone in learning:
            checkpoint_activations(backbone, sharded=shards)
    if config.compile:
        blocks = [block for _, backbone in learning for block in blocks_of(backbone)]
        towers = [m for m in objective.modules() if isinstance(m, Projection | UserTower)]
        compile_parts([*blocks, *towers], device)
    if shards:
        shard(objective, learning, torch.device(device), computes_in_bf16(config, device))
