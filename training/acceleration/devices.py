"""What depends on the device: the collectives' backend, the arithmetic, the optimizer's kernel."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from training.acceleration.config import AccelerationConfig


def collectives(gpus: bool) -> str:
    """The backend of torch.distributed: NCCL moves between GPUs, gloo between CPUs."""
    return "nccl" if gpus else "gloo"


def computes_in_bf16(config: AccelerationConfig, device: torch.device | str) -> bool:
    """Whether the forward pass runs under bfloat16 autocast."""
    if config.precision == "auto":
        return torch.device(device).type == "cuda" and torch.cuda.is_bf16_supported(
            including_emulation=False
        )
    return config.precision == "bf16"


def autocast(config: AccelerationConfig, device: torch.device | str) -> torch.autocast:
    """The context of a forward pass; the backward pass follows its types by itself."""
    half = computes_in_bf16(config, device)
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=half)


def fuses(config: AccelerationConfig, device: torch.device | str) -> bool:
    """Whether the optimizer takes its fused kernel.

    On a CPU it pays as well: of 2.5 million weights a step took 3 ms of a core instead of 10.
    """
    if config.fused_optimizer == "auto":
        return torch.device(device).type in ("cuda", "cpu")
    return config.fused_optimizer


@contextmanager
def settings(config: AccelerationConfig, device: torch.device | str) -> Iterator[None]:
    """The process's own settings for the body of a `with`: TF32 and deterministic kernels."""
    precision = torch.get_float32_matmul_precision()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    if torch.device(device).type == "cuda":
        torch.set_float32_matmul_precision("high" if config.tf32 else "highest")
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(deterministic, warn_only=warned)
