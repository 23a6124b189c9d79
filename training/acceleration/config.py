"""What is chosen about speed and memory. Imports neither torch nor any model library."""

from typing import Annotated, Literal

from pydantic import Field

from training.config import Config

Precision = Literal["auto", "float32", "bf16"]
Sharding = Literal["none", "fsdp"]


class AccelerationConfig(Config):
    """How training uses its device.

    None of it decides what is learned, so a resumed run may have all of it otherwise than before.
    """

    precision: Precision = "auto"
    """Arithmetic of the forward pass. `bf16`: autocast; weights, moments and losses stay float32.
    `auto`: bf16 on GPUs that compute in it, float32 elsewhere."""
    compile: bool = False
    """torch.compile of encoder blocks and towers; they run as they are where no compiler is."""
    sharding: Sharding = "none"
    """`fsdp`: each worker keeps its share of weights, gradients, moments and averages, and borrows
    the others' block by block (FSDP2); `none`: each keeps them all (DDP)."""
    checkpointing: bool = False
    """Compute activations of encoder blocks anew in the backward pass instead of keeping them."""
    fused_optimizer: bool | Literal["auto"] = "auto"
    """One kernel for the whole optimizer step. `auto`: on GPUs and CPUs, which have one."""
    tf32: bool = True
    """Let float32 matrix products on GPUs round their inputs to 10 bits of mantissa."""
    prefetch: Annotated[int, Field(ge=0, le=64)] = 1
    """Batches made ready, and pinned for a GPU, while the model computes; 0 for none."""
    readers: Annotated[int, Field(ge=1, le=256)] = 1
    """Threads that decode images for an encoder that is trained."""
    deterministic: bool = False
    """Only kernels that give the same bits each time, where there are such; slower."""
