"""The quarantine of an import: its bad rows, one JSON object a line."""

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.data.quarantine import BadField, printable, raw_json

FOLDER = "quarantine"
"""In the workspace."""


@dataclass(frozen=True)
class Reject:
    """A bad row.

    Attributes:
        file: where it is.
        row: its number there; a row of a text file is the line that it begins on.
        position: how many rows were read when it was, it included.
        field: which is bad; None for the row as a whole.
        reason: why.
        detail: what varies.
        raw: the row as JSON, long values cut.
    """

    file: str
    row: int
    position: int
    field: str | None
    reason: str
    detail: str
    raw: str

    @classmethod
    def of(cls, bad: BadField, file: str, row: int, position: int, values: Any) -> "Reject":
        """A row in which a field is bad."""
        detail = printable(bad.detail)
        return cls(file, row, position, bad.field, str(bad.reason), detail, raw_json(values))


class Quarantine:
    """Takes bad rows; what it took is on disk before their batch is acknowledged.

    Args:
        path: of the file; there is none as long as no row is bad.
        position: rows of the import that are acknowledged. Later rows that a cut import left in the
            file are taken out: they come again.
    """

    def __init__(self, path: Path, position: int) -> None:
        self.path = path
        kept = [reject for reject in self._read() if reject.position <= position]
        self.count = len(kept)
        path.unlink(missing_ok=True)
        self._append(kept)

    def first(self, most: int) -> list[Reject]:
        """The first bad rows."""
        return list(itertools.islice(self._read(), most))

    def add(self, rejects: Sequence[Reject]) -> None:
        """Write some to the disk."""
        self._append(rejects)
        self.count += len(rejects)

    def _append(self, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="ascii") as file:
            file.writelines(json.dumps(asdict(reject)) + "\n" for reject in rejects)
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> Iterator[Reject]:
        if self.path.exists():
            with self.path.open(encoding="ascii") as file:
                for line in file:
                    if line.endswith("\n"):  # the last one may be torn
                        yield Reject(**json.loads(line))
