"""Where a run's checkpoints lie: each appears whole or not at all, and only the newest are kept.

Rank 0 writes into the run's own folder, and nothing of Ray Train's keeping is used: its list of
checkpoints (`checkpoint_manager_snapshot.json`) is overwritten in place, its copies appear file by
file, and an epoch whose report had returned could still be lost. Here a checkpoint is written to a
hidden folder, brought to the disk, and then renamed.
"""

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from training.checkpoint import Snapshot, by_age, progress_of, write

KEPT = 2
"""The newest, and the one before in case it is damaged."""
_UNFINISHED = ".writing-"


def keep(root: Path, state: Snapshot, kept: int = KEPT) -> Path:
    """Save a state as the newest checkpoint below `root`; older ones beyond `kept` are removed.

    A checkpoint of the same step that is there already (its epoch was run again) is replaced.

    Args:
        root: of the run's checkpoints; made if needed.
        state: to save; of all workers.
        kept: how many checkpoints remain.
    Returns: the checkpoint's folder.
    Raises: OSError or SafetensorError if it can't be written; nothing is left behind then.
    """
    root.mkdir(parents=True, exist_ok=True)
    draft = root / f"{_UNFINISHED}{secrets.token_hex(4)}"
    path = root / f"checkpoint_{state.progress.epoch:06d}_{state.progress.step:09d}"
    try:
        write(draft, state)
        _sync(draft)
        if path.exists():
            os.replace(path, root / f"{_UNFINISHED}{secrets.token_hex(4)}")
        os.replace(draft, path)
        _sync_folder(root)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    tidy(root, kept)
    return path


def tidy(root: Path, kept: int = KEPT) -> None:
    """Remove checkpoints beyond the newest `kept`, and what was never finished.

    A checkpoint whose progress can't be read has no place in that order: it goes once all that are
    kept were written after it.
    """
    for left in root.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)
    ordered = by_age(root)
    readable = [path for path in ordered if progress_of(path)]
    stay = readable[:kept]
    written = [path.stat().st_mtime for path in stay]
    for path in ordered:
        with contextlib.suppress(OSError):
            torn = path not in readable
            if path not in stay and not (torn and path.stat().st_mtime >= min(written, default=0)):
                shutil.rmtree(path)


def _sync(folder: Path) -> None:
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
