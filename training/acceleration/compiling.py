"""torch.compile of the parts that repeat: encoder blocks, projections, user towers."""

import logging
import os
import shutil
from collections.abc import Iterable

import torch
from torch import nn

log = logging.getLogger(__name__)

RECOMPILES = 64
"""Widths, training or not, gradients or not: a projection is seen in more forms than torch's 8."""


def missing_compiler(device: torch.device | str) -> str:
    """What torch.compile lacks on this machine; empty if nothing.

    On a CPU it writes C++; on a GPU Triton, whose launcher is C.
    """
    if torch.device(device).type == "cuda":
        from torch.utils._triton import has_triton

        if not has_triton():
            return "no Triton"
        return "" if _found("CC", ("gcc", "clang", "cc")) else "no C compiler (install gcc)"
    return "" if _found("CXX", ("g++", "clang++", "c++")) else "no C++ compiler (install g++)"


def compile_parts(modules: Iterable[nn.Module], device: torch.device | str) -> bool:
    """Compile each module in place, when it first runs; names in the state stay as they are.

    Batches differ in the number of posts, people and tokens: the first change of an axis makes it
    symbolic in the second compilation, which then serves all sizes.

    Returns: whether there is a compiler; without one the modules stay as they are, and the log
        says so. A part that the compiler can't take runs as it is, too.
    """
    lacks = missing_compiler(device)
    if lacks:
        log.warning("acceleration.compile is on, but there is %s here; running without", lacks)
        return False
    # not at import: torch._dynamo takes a second
    torch._dynamo.config.suppress_errors = True
    torch._dynamo.config.recompile_limit = RECOMPILES
    for module in modules:
        module.compile()
    return True


def _found(variable: str, names: tuple[str, ...]) -> bool:
    chosen = os.environ.get(variable)
    return any(shutil.which(name) for name in ((chosen,) if chosen else names))
