"""`metrics.jsonl`: the truth about a run's metrics, one line an epoch, written by rank 0.

The file outlives MLflow, the driver and the workers; what MLflow shows is caught up from it.
"""

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.errors import BadData


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch reported.

    Attributes:
        epoch: how many epochs were done; MLflow's step.
        metrics: name to value; may be NaN or infinite.
        time: when it was written, Unix seconds.
    """

    epoch: int
    metrics: dict[str, float]
    time: float


def metric_name(name: str) -> str:
    """The name as MLflow takes it: `recall@10` becomes `recall_at_10`."""
    return re.sub(r"[^\w\-. :/]", "_", name.replace("@", "_at_"))


def append_metrics(path: Path, epoch: int, metrics: Mapping[str, float]) -> None:
    """Add one epoch, on disk when this returns. One writer at a time.

    A line that an earlier writer could not finish is cut off first: it must not spoil this one.
    An epoch that is run again after a resume is appended again; the later line holds.
    """
    line = json.dumps(
        {
            "epoch": int(epoch),
            "time": time.time(),
            "metrics": {name: float(value) for name, value in metrics.items()},
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_metrics(path: Path) -> list[EpochMetrics]:
    """All epochs in order, the last line of each; empty if there is no file.

    Raises: BadData naming the line, if a whole line is not what `append_metrics` writes.
    """
    latest = {line.epoch: line for line in MetricsTail(path).read()}
    return [latest[epoch] for epoch in sorted(latest)]


class MetricsTail:
    """Reads a growing `metrics.jsonl` from its start, whole lines only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._lines = 0

    def read(self) -> list[EpochMetrics]:
        """The lines since the last call; a torn last line waits until it is whole.

        Raises: BadData as `read_metrics`.
        """
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                chunk = file.read()
        except FileNotFoundError:
            return []
        whole = chunk[: chunk.rfind(b"\n") + 1]
        found = [self._parse(line, row) for row, line in enumerate(whole.splitlines(), start=1)]
        self._offset += len(whole)
        self._lines += len(found)
        return found

    def _parse(self, line: bytes, row: int) -> EpochMetrics:
        try:
            entry = json.loads(line)
            return EpochMetrics(
                int(entry["epoch"]),
                {str(name): float(value) for name, value in entry["metrics"].items()},
                float(entry["time"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadData(
                f"{self.path} line {self._lines + row} is not a line of metrics",
                hint="the file was changed by something else; remove that line",
            ) from error
