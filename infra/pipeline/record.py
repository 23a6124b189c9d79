"""What a pipeline has done so far: one file a run, written whole after every step."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from training.errors import BadData, Conflict

FOLDER, FILE = "pipelines", "state.json"


class Step(StrEnum):
    """The steps, in their order."""

    VALIDATE = "validate"
    DRIFT = "drift"
    TRAIN = "train"
    """Trains, evaluates and registers: a version without an alias, which nobody uses yet."""
    GATE = "gate"
    INDEX = "index"
    SWITCH = "switch"


class Outcome(StrEnum):
    """How a pipeline ended."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    """Cut short, and then there was newer data or other settings."""


class Done(BaseModel):
    """A step that has ended.

    Attributes:
        finished: when, UTC.
        seconds: it took, the last time that it was begun.
        result: what it found, as plain data.
    """

    model_config = ConfigDict(frozen=True)

    finished: str
    seconds: float
    result: dict[str, Any]


class Record(BaseModel):
    """One run of the pipeline.

    Attributes:
        name: of the run, of its folder, and of the training run in it.
        key: of the data and the settings; two runs of one key would make the same model.
        data_digest: of the clean data.
        started: when, UTC.
        champion_before: version that was champion then; None if there was none.
        accepted: whether a person has accepted what the checks refuse.
        steps: by step.
        outcome: None while it is under way, or was cut short.
        reason: of the outcome, in words.
        champion_after: version that was champion when it ended.
        ended: when, UTC.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    key: str
    data_digest: str
    started: str
    champion_before: int | None
    accepted: bool = False
    steps: dict[Step, Done] = {}
    outcome: Outcome | None = None
    reason: str = ""
    champion_after: int | None = None
    ended: str | None = None

    def result(self, step: Step) -> Mapping[str, Any]:
        """What a step found; empty if it has not ended."""
        return self.steps[step].result if step in self.steps else {}

    @property
    def next_step(self) -> Step | None:
        """The first that has not ended; None after the last or once there is an outcome."""
        if self.outcome is not None:
            return None
        return next((step for step in Step if step not in self.steps), None)


class Records:
    """The runs of a workspace.

    Args:
        workspace: of the product.
    """

    def __init__(self, workspace: Path) -> None:
        self.folder = workspace.absolute() / FOLDER

    def of(self, name: str) -> Path:
        """The folder of a run."""
        return self.folder / name

    def save(self, record: Record) -> Record:
        """Write a record, whole or not at all, and through to the disk."""
        path = self.of(record.name) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        with draft.open("w", encoding="utf-8") as file:
            file.write(record.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        return record

    def all(self) -> list[Record]:
        """The latest first. Raises: BadData naming a file that can't be read."""
        found = [self._read(path) for path in self.folder.glob(f"*/{FILE}")]
        return sorted(found, key=lambda record: (record.started, record.name), reverse=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only pipeline of the workspace. The lock ends with the process, however it ends.

        Raises: Conflict if there is another.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            if not _lock(lock.fileno()):
                raise Conflict(
                    f"another pipeline runs in {self.folder.parent}",
                    hint="look at it with `commonspace pipeline status`",
                )
            yield

    def running(self) -> bool:
        """Whether a pipeline has the lock now."""
        try:
            with (self.folder / "lock").open("r") as lock:
                return not _lock(lock.fileno())
        except FileNotFoundError:
            return False

    def _read(self, path: Path) -> Record:
        try:
            return Record.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise BadData(
                f"{path} is no record of a pipeline: {str(error).splitlines()[0]}",
                hint=f"it was damaged or is of a newer release; move {path.parent} away",
            ) from None


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
