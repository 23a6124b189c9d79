"""Checkpoints that prove they are whole, and the lock that keeps two drivers out of one run.

A checkpoint is a folder of safetensors files and one JSON file, written last, with the hash of
each. A folder whose hashes don't agree (a crash, a full disk, a torn copy) is passed over in favour
of the one before.
"""

import fcntl
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.errors import Conflict

if TYPE_CHECKING:
    from training.state import State

log = logging.getLogger(__name__)

PROGRESS = "progress.json"


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        epoch: epochs done.
        step: optimizer steps done.
        best_score: best validation metric so far; None before the first validation.
        best_epoch: when that was.
        digests: file name to sha256; on disk only.
    """

    epoch: int = 0
    step: int = 0
    best_score: float | None = None
    best_epoch: int = 0
    digests: dict[str, str] = field(default_factory=dict)


def save(folder: Path, state: "State") -> None:
    """Write everything that training needs to go on as if it had never stopped.

    Args:
        folder: an empty or absent folder.
        state: the optimizer's moments go to safetensors too, so that nothing is pickled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file(_plain(state.objective.state_dict()), folder / "model.safetensors")
    save_file(_plain(state.average), folder / "average.safetensors")
    save_file(_plain(state.best), folder / "best.safetensors")
    save_file(_flat_optimizer(state.optimizer), folder / "optimizer.safetensors")
    digests = {path.name: _digest(path) for path in sorted(folder.glob("*.safetensors"))}
    text = json.dumps(asdict(state.progress) | {"digests": digests}, indent=1)
    (folder / PROGRESS).write_text(text, encoding="utf-8")


def load(folder: Path, state: "State") -> None:
    """Restore a state in place. Raises: ValueError if the folder is not whole (see `whole`)."""
    progress = whole(folder)
    if progress is None:
        raise ValueError(f"checkpoint {folder} is damaged or unfinished")
    device = next(state.objective.parameters()).device
    state.objective.load_state_dict(load_file(folder / "model.safetensors"))
    _load_optimizer(state.optimizer, load_file(folder / "optimizer.safetensors"))
    state.average = load_file(folder / "average.safetensors", device=str(device))
    state.best = load_file(folder / "best.safetensors", device=str(device))
    state.progress = replace(progress, digests={})


def whole(folder: Path) -> Progress | None:
    """The progress of a checkpoint if every file is there and has its hash, else None."""
    try:
        progress = Progress(**json.loads((folder / PROGRESS).read_text(encoding="utf-8")))
        for name, digest in progress.digests.items():
            if _digest(folder / name) != digest:
                return None
    except (OSError, ValueError, TypeError, SafetensorError):
        return None
    return progress if progress.digests else None


def latest(folder: Path) -> Path | None:
    """The whole checkpoint below `folder` with the most epochs; the log names damaged ones."""
    found: list[tuple[int, str, Path]] = []
    for marker in folder.glob(f"**/checkpoint_*/{PROGRESS}"):
        progress = whole(marker.parent)
        if progress is None:
            log.warning("checkpoint %s is damaged; falling back to the one before", marker.parent)
        else:
            found.append((progress.epoch, marker.parent.name, marker.parent))
    return max(found)[2] if found else None


@contextmanager
def owned(folder: Path) -> Iterator[str]:
    """Own a run's folder: one driver at a time, and workers of a dead driver are locked out.

    The operating system's lock goes with the driver's process, however it ends. The token that it
    writes outlives it: a worker that carries an older token than the folder's must stop.

    Yields: the token to hand to the workers.
    Raises: Conflict if another process drives the run now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "driver.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"run {folder.name!r} is being trained by another process",
                hint="wait for it, stop it, or choose another --name",
            ) from None
        token = secrets.token_hex(8)
        scratch = folder / f"owner.{token}"
        scratch.write_text(token, encoding="utf-8")
        os.replace(scratch, folder / "owner")
        yield token


def owner(folder: Path) -> str:
    """The token of the run's present driver; empty if there was none."""
    try:
        return (folder / "owner").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    # safetensors refuses tensors that share or only view memory
    return {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}


def _flat_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return _plain(
        {
            f"{index}.{name}": torch.as_tensor(value)
            for index, entries in state.items()
            for name, value in entries.items()
        }
    )


def _load_optimizer(optimizer: torch.optim.Optimizer, flat: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in flat.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
