"""`faults.jsonl`: what went wrong in a run and what was done about it, in words, line by line.

Workers and the driver write, the driver reads along and shows each line to whoever looks on, and
the tracker keeps the file. It also counts: a restart is a line of kind `started` after the first.
"""

import json
import logging
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

log = logging.getLogger(__name__)

FAULTS = "faults.jsonl"

Kind = Literal["started", "damaged", "disk_full", "disk_free", "controller_died", "stopped"]


@dataclass(frozen=True)
class Fault:
    """One event.

    Attributes:
        kind: what happened; `started` is a group of workers that begins or goes on.
        text: for people.
        time: Unix seconds.
        facts: numbers that belong to it, such as `epoch` and `workers`.
    """

    kind: Kind
    text: str
    time: float
    facts: dict[str, Any] = field(default_factory=dict)


def tell(folder: Path, kind: Kind, text: str, **facts: Any) -> None:
    """Add an event to a run's folder; on a full disk it is only logged.

    Several processes may write: a line is one write of the operating system.
    """
    line = json.dumps(asdict(Fault(kind, text, time.time(), facts)), ensure_ascii=False) + "\n"
    try:
        file = os.open(folder / FAULTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
    except OSError as error:
        log.warning("%s (not written down: %s)", text, error.strerror)


def read_faults(folder: Path) -> list[Fault]:
    """All events of a run, oldest first."""
    return FaultTail(folder).read()


class FaultTail:
    """Reads a growing `faults.jsonl`; a line that was torn by a crash is passed over.

    Args:
        folder: of the run.
        skip: leave out what is there already.
    """

    def __init__(self, folder: Path, *, skip: bool = False) -> None:
        self._path = folder / FAULTS
        self._offset = 0
        if skip and self._path.exists():
            self._offset = self._path.stat().st_size

    def read(self) -> list[Fault]:
        """The events since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                chunk = file.read()
        except OSError:
            return []
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = []
        for line in whole.splitlines():
            try:
                found.append(Fault(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return found


def restarts(folder: Path) -> int:
    """How often a group of workers began after the first one."""
    return max(0, sum(fault.kind == "started" for fault in read_faults(folder)) - 1)
