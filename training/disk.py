"""A full disk: told from other errors, waited for, and said in words."""

import errno
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from training.errors import TrainingFailed

T = TypeVar("T")

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOOK_S = 2.0


class DiskFull(TrainingFailed):
    """Nothing more can be written, and nobody made room in time."""


def is_full(error: BaseException) -> bool:
    """Whether an error, or one that it stems from, says that the disk, quota or file is full.

    Libraries that write from Rust or C say so in words alone.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        found = re.search(r"os error (\d+)\)|database or disk is full", str(seen))
        if found and (found[1] is None or int(found[1]) in _FULL):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def write_patiently(
    write: Callable[[], T],
    folder: Path,
    patience_s: float,
    tell: Callable[[bool, str], None],
    pause: Callable[[float], None] = time.sleep,
) -> T:
    """Call `write`, again and again while the disk is full.

    Args:
        write: leaves nothing behind when it fails.
        folder: where it writes, for the words.
        patience_s: how long to wait for room.
        tell: called with (full, words) when waiting begins and ends.
        pause: waits for so many seconds.
    Raises: DiskFull if there was no room in time; whatever else `write` raises.
    """
    begun: float | None = None
    while True:
        try:
            result = write()
        except Exception as error:
            if not is_full(error):
                raise
            now = time.monotonic()
            if begun is None:
                begun = now
                tell(True, f"{full(folder)}; training waits up to {patience_s:.0f} s for room")
            if now - begun >= patience_s:
                raise DiskFull(
                    f"{full(folder)}, and stayed so for {patience_s:.0f} s",
                    hint=f"make room, then: commonspace train --resume --name {folder.name}",
                ) from error
            pause(min(_LOOK_S, patience_s))
        else:
            if begun is not None:
                waited = time.monotonic() - begun
                tell(False, f"there is room again after {waited:.0f} s: training goes on")
            return result


@contextmanager
def full_disk_in_words(folder: Path, *, hint: str) -> Iterator[None]:
    """Raises DiskFull, in words and with the hint, where the block fails for a full disk."""
    try:
        yield
    except DiskFull:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        raise DiskFull(full(folder), hint=hint) from error


def full(folder: Path) -> str:
    """The words: which disk, and what is left of it."""
    try:
        free = f"{shutil.disk_usage(folder).free / 1e6:.1f} MB are free"
    except OSError:
        free = "it can't be asked how much is free"
    return f"the disk or quota of {folder} is full ({free})"
