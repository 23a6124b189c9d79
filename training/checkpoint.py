"""Checkpoints that prove they are whole, and the lock that keeps two drivers out of one run.

A checkpoint is a folder of safetensors files and one JSON file, written last, with the hash of
each. A folder whose hashes don't agree (a crash, a full disk, a torn copy) is passed over in favour
of the one before. Where they are kept, and how many, is `training.checkpoint_store`'s.
"""

import fcntl
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.acceleration.sharding import is_sharded, like
from training.acceleration.sharding import whole as whole_tensor
from training.distributed import rank
from training.errors import Conflict

if TYPE_CHECKING:
    from training.state import State

log = logging.getLogger(__name__)

PROGRESS = "progress.json"
OWNER = "owner"
"""File of a run's folder with the token of its driver."""
TABLES = "tables.safetensors"
"""Rows of sharded user tables, those of all workers in one file."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        epoch: epochs done.
        step: optimizer steps done.
        batch: batches of the present epoch that are done; 0 between epochs.
        losses: their sum of each term of the loss, for the epoch's mean.
        best_score: best validation metric so far; None before the first validation.
        best_epoch: when that was.
        digests: file name to sha256; on disk only.
    """

    epoch: int = 0
    step: int = 0
    batch: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    best_score: float | None = None
    best_epoch: int = 0
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """A state on the CPU, each tensor whole, however the workers had shared it out.

    Attributes:
        model, average, best: see `State`.
        optimizer: moments as `number of the parameter.name of the moment`.
        progress: counters.
        tables: rows of sharded user tables as `table.part`; see `State.tables`.
    """

    model: dict[str, Tensor]
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    progress: Progress
    tables: dict[str, Tensor] = field(default_factory=dict)


def snapshot(state: "State") -> Snapshot | None:
    """The state of all workers at worker 0; None at the others.

    Every worker calls it: where weights are sharded, each tensor is gathered from all.
    """
    tables = state.whole_tables()
    if rank() != 0 and not is_sharded(state.objective):
        return None
    found = Snapshot(
        model=_whole(state.objective.state_dict()),
        average=_whole(state.average),
        best=_whole(state.best),
        optimizer=_whole(_flat_optimizer(state.optimizer)),
        progress=state.progress,
        tables=tables,
    )
    return found if rank() == 0 else None


def save(folder: Path, state: "State") -> None:
    """`snapshot` and `write`; every worker calls it."""
    whole = snapshot(state)
    if whole is not None:
        write(folder, whole)


def write(folder: Path, state: Snapshot) -> None:
    """Write everything that training needs to go on as if it had never stopped.

    Args:
        folder: an empty or absent folder.
        state: the optimizer's moments go to safetensors too, so that nothing is pickled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state.model, folder / "model.safetensors")
    save_file(state.average, folder / "average.safetensors")
    save_file(state.best, folder / "best.safetensors")
    save_file(state.optimizer, folder / "optimizer.safetensors")
    if state.tables:
        save_file(state.tables, folder / TABLES)
    digests = {path.name: _digest(path) for path in sorted(folder.glob("*.safetensors"))}
    text = json.dumps(asdict(state.progress) | {"digests": digests}, indent=1)
    (folder / PROGRESS).write_text(text, encoding="utf-8")


def load(folder: Path, state: "State") -> None:
    """Restore a state in place, each worker its share if it is sharded.

    Raises: ValueError if the folder is not whole (see `whole`).
    """
    wrong = damage(folder)
    if wrong:
        raise ValueError(f"checkpoint {folder} is damaged or unfinished: {wrong}")
    progress = _progress(folder)
    held = state.objective.state_dict()

    def share(name: str) -> dict[str, Tensor]:
        return {n: like(t, held[n]) for n, t in load_file(folder / f"{name}.safetensors").items()}

    state.objective.load_state_dict(share("model"))
    _load_optimizer(state.optimizer, load_file(folder / "optimizer.safetensors"))
    state.average, state.best = share("average"), share("best")
    state.progress = replace(progress, digests={})
    state.take_tables(folder / TABLES)


def best_weights(folder: Path) -> dict[str, Tensor]:
    """The objective's weights of the best epoch, with the rows of tables that were sharded."""
    weights = load_file(folder / "best.safetensors")
    if (folder / TABLES).exists():
        with safe_open(folder / TABLES, "pt") as file:
            for name in file.keys():  # noqa: SIM118, which is no dictionary
                table, _, part = name.rpartition(".")
                if part == "best":
                    weights[f"{table}.weight"] = file.get_tensor(name)
    return weights


def whole(folder: Path) -> Progress | None:
    """The progress of a checkpoint if every file is there and has its hash, else None."""
    return None if damage(folder) else _progress(folder)


def damage(folder: Path) -> str:
    """What is wrong with a checkpoint, in words; empty if it is whole."""
    try:
        progress = _progress(folder)
    except FileNotFoundError:
        return f"{PROGRESS} is missing"
    except (OSError, ValueError, TypeError):
        return f"{PROGRESS} is torn"
    if not progress.digests:
        return f"{PROGRESS} names no files"
    for name, digest in progress.digests.items():
        try:
            if _digest(folder / name) != digest:
                return f"{name} is not what was written"
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} can't be read: {error.strerror}"
    return ""


def latest(folder: Path, tell: Callable[[Path, str], None] | None = None) -> Path | None:
    """The newest whole checkpoint below `folder`, that with the most steps.

    Args:
        folder: of a run's checkpoints.
        tell: called with each newer one that is damaged, and what is wrong with it; else it is
            logged.
    """
    tell = tell or _log_damage
    for path in by_age(folder):
        wrong = damage(path)
        if not wrong:
            return path
        tell(path, wrong)
    return None


def by_age(folder: Path) -> list[Path]:
    """All checkpoints below `folder`, the newest first; those that can't be read come before."""
    found = []
    for path in folder.glob("**/checkpoint_*"):
        if path.is_dir():
            progress = progress_of(path)
            age = (0, progress.epoch, progress.step) if progress else (1, 0, 0)
            found.append((*age, path.name, path))
    return [entry[-1] for entry in sorted(found, reverse=True)]


def progress_of(folder: Path) -> Progress | None:
    """What a checkpoint says of itself, whole or not; None if that can't be read."""
    try:
        return _progress(folder)
    except (OSError, ValueError, TypeError):
        return None


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
        for mark in folder.glob("abandoned.*"):  # of drivers that are gone
            mark.unlink()
        yield take_over(folder)


def take_over(folder: Path) -> str:
    """A new token: whoever carries an older one is locked out. For the holder of the lock alone."""
    token = secrets.token_hex(8)
    scratch = folder / f"{OWNER}.{token}"
    scratch.write_text(token, encoding="utf-8")
    os.replace(scratch, folder / OWNER)
    return token


def owner(folder: Path) -> str:
    """The token of the run's present driver; empty if there was none."""
    try:
        return (folder / OWNER).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _progress(folder: Path) -> Progress:
    return Progress(**json.loads((folder / PROGRESS).read_text(encoding="utf-8")))


def _log_damage(path: Path, wrong: str) -> None:
    log.warning("checkpoint %s is damaged, %s; falling back to the one before", path, wrong)


def _whole(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    # one at a time, and dropped where it isn't kept; safetensors refuses tensors that share memory
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        full = whole_tensor(tensor)
        if rank() == 0:
            found[name] = full.clone(memory_format=torch.contiguous_format)
    return found


def _flat_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, entries in state.items()
        for name, value in entries.items()
    }


def _load_optimizer(optimizer: torch.optim.Optimizer, flat: dict[str, Tensor]) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in flat.items():
        index, name = key.split(".", 1)
        parameter = parameters[int(index)]
        if name != "step":  # all else is as long as the parameter
            value = like(value, parameter)
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
