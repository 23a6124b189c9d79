"""Activation checkpointing: memory of a block's inputs alone, for one more forward pass of it.

Source: Chen et al., Training Deep Nets with Sublinear Memory Cost (arXiv 1604.06174).
"""

from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from training.encoders.tuning import blocks_of


def checkpoint_activations(backbone: nn.Module, *, sharded: bool = False) -> str:
    """Keep no activations inside the blocks of a backbone, by its library's own switch if it has.

    Args:
        backbone: of an encoder.
        sharded: whether its blocks will be sharded. timm's switch may call the layers inside a
            block without the block itself, which then would never gather its weights.
    Returns: whose switch it was: `transformers`, `timm` or `blocks`.
    """
    for module in backbone.modules():
        known: Any = module
        if getattr(known, "supports_gradient_checkpointing", False):
            # its name until release 6 of transformers, and the one that follows
            old = "gradient_checkpointing_enable"
            switch = getattr(known, "activation_checkpointing_enable", None) or getattr(known, old)
            switch({"use_reentrant": False})
            return "transformers"
        if not sharded and hasattr(known, "set_grad_checkpointing"):
            known.set_grad_checkpointing(True)
            return "timm"
    for block in blocks_of(backbone):
        # the method, not a wrapper module: names in the state stay, and hooks stay outside
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    return "blocks"
