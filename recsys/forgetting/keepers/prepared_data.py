"""Clean data and its quarantine: folders that are made from the source files again."""

import fcntl
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from recsys.forgetting.keeper import Erased, Left
from recsys.forgetting.search import Found
from recsys.forgetting.subject import Subject
from training.data.excluding import holds_rows
from training.data.files import parts_of
from training.data.forgotten import Forgotten

_DROPPED = ".dropped-"


class PreparedData:
    """The folders below `<workspace>/data`, and those of refused data.

    A folder that holds a row of the subject goes as a whole; the next command that needs it reads
    the source again and leaves the forgotten out, as `forgotten.txt` says.

    Args:
        workspace: of the product.
    """

    name = "prepared data"

    def __init__(self, workspace: Path) -> None:
        self._home = workspace / "data"

    def erase(self, subject: Subject) -> Erased:
        """Drop folders with rows of the subject. One that a training reads now is left."""
        for remains in self._home.glob(f"{_DROPPED}*"):
            shutil.rmtree(remains, ignore_errors=True)
        dropped = 0
        training = running(self._home.parent)
        left = []
        for folder in list(self._folders()):
            if not holds_rows(folder, subject.tombstones):
                continue
            if training:
                what = f"{folder.name}, which {', '.join(training)} may read now"
                until = "`commonspace forget` once more, when the training has ended"
                left.append(Left(what, until, blocks=True))
                continue
            drop(folder)
            dropped += 1
        self._drop_abandoned()
        return Erased({"folders": dropped} if dropped else {}, tuple(left))

    def holds(self, subject: Subject) -> list[Found]:
        """None: they are files."""
        return []

    def survey(self, subject: Subject) -> Subject:
        """The subject with the posts and contents that clean data knows of it."""
        for folder in self._folders():
            for path in parts_of(folder / "posts"):
                columns = ["post_id", "user_id", "text_hash", "image_hash"]
                table = pq.read_table(path, columns=columns)
                for row in table.to_pylist():
                    if row["user_id"] in subject.people or row["post_id"] in subject.posts:
                        subject = subject.with_more(
                            [row["post_id"]],
                            [row["user_id"]],
                            [row["text_hash"], row["image_hash"]],
                        )
        return subject

    def knows(self, subject: Subject) -> bool:
        """Whether any clean data holds the subject itself."""
        digests = Forgotten(frozenset([subject.digest]))
        return any(holds_rows(folder, digests) for folder in self._folders())

    def _folders(self) -> Iterator[Path]:
        for folder in sorted(self._home.glob("[!.]*")):
            if folder.is_dir():
                yield folder

    def _drop_abandoned(self) -> None:
        """What a killed process left half-made; one that is being made has its lock held."""
        for partial in self._home.glob(".*.partial"):
            tables = partial.name.removeprefix(".").partition("-")[0]
            lock = self._home / f".{tables}.lock"
            if not lock.exists() or not held(lock):
                drop(partial)


def drop(folder: Path) -> None:
    """Remove a folder so that nobody ever sees a part of it."""
    aside = folder.with_name(f"{_DROPPED}{uuid.uuid4().hex[:8]}")
    folder.rename(aside)
    shutil.rmtree(aside)


def running(workspace: Path) -> list[str]:
    """Names of the runs that are being trained now, and of the searches."""
    locks = sorted(workspace.glob("runs/*/driver.lock"))
    found = [f"run {lock.parent.name}" for lock in locks if held(lock)]
    locks = sorted(workspace.glob("searches/*/driver.lock"))
    return found + [f"search {lock.parent.name}" for lock in locks if held(lock)]


def held(lock: Path) -> bool:
    """Whether a process holds a lock file."""
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
