"""What became of a trial, and of all of them; kept as files, so that a resume knows."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from training.fit import METRICS
from training.tracking.metrics_log import read_metrics

SCORE = "validation/score"
RESULT = "result.json"

Ending = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """One trial that has ended.

    Attributes:
        number: 0 is the configuration as it is.
        values: dotted field to drawn value.
        ending: after all epochs or without further improvement; stopped since others were better;
            or failed.
        scores: validation score after each epoch.
        error: why it failed.
        mlflow_run_id: the nested run.
    """

    number: int
    values: dict[str, Any]
    ending: Ending
    scores: tuple[float, ...]
    error: str = ""
    mlflow_run_id: str = ""

    @property
    def best(self) -> float:
        """The best score; minus infinity before the first epoch."""
        return max(self.scores, default=float("-inf"))

    @property
    def best_epoch(self) -> int:
        """The first epoch with it, from 1; 0 if there is none."""
        return self.scores.index(self.best) + 1 if self.scores else 0

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all: a trial with this file is never run again."""
        draft = folder / f"{RESULT}.tmp"
        draft.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        os.replace(draft, folder / RESULT)


def load_outcome(folder: Path) -> Outcome | None:
    """What a trial's folder tells; None if it hasn't ended, or failed and may be tried again."""
    try:
        tree = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        outcome = Outcome(**tree | {"scores": tuple(tree["scores"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return None if outcome.ending == "failed" else outcome


def scores_of(folder: Path) -> tuple[float, ...]:
    """Validation score after each epoch, from the file that the trial writes."""
    return tuple(line.metrics[SCORE] for line in read_metrics(folder / METRICS))


def ranked(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The best first; equal ones by number."""
    return sorted(outcomes, key=lambda outcome: (-outcome.best, outcome.number))
