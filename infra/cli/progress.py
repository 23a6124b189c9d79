"""How a person sees a long command work: bars on a terminal, lines in a log file. On stderr."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra.cli.output import note
from training import logs
from training.observer import Observer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_log = logging.getLogger("infra.cli")
LINE_EVERY_S = 10
SHOWN_METRICS = 5


@contextmanager
def progress() -> Iterator[Observer]:
    """An observer that shows what it sees until the `with` ends."""
    if logs.as_json():
        yield LogProgress()
        return
    if not sys.stderr.isatty():
        yield LineProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    bars = Progress(
        TextColumn("  {task.description:<28}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        Remaining(),
        TextColumn("{task.fields[figures]}", markup=False),
        console=Console(stderr=True),
    )
    with bars:
        yield BarProgress(bars)


class BarProgress(Observer):
    """A bar for each thing that is counted, the epochs with live metrics."""

    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._speed = _Speed()

    def stage(self, title: str) -> None:
        self._tasks.clear()
        self._speed = _Speed()
        self._bars.console.print(title, style="bold", highlight=False, markup=False)

    def advance(self, what: str, done: int, total: int) -> None:
        rate = self._speed.of(what, done)
        self._show(what, done, total, f"{rate:.3g}/s" if rate else "")

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        self._show("epochs", epoch, epochs, figures(metrics))

    def note(self, text: str) -> None:
        self._bars.console.print(f"  {text}", highlight=False, markup=False)

    def _show(self, what: str, done: int, total: int, text: str) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total, figures=text)
        self._bars.update(self._tasks[what], completed=done, total=total, figures=text)


class LineProgress(Observer):
    """The same as lines: every stage, epoch and note, and a count every ten seconds."""

    def __init__(self) -> None:
        self._next_line = 0.0
        self._speed = _Speed()

    def stage(self, title: str) -> None:
        self._speed = _Speed()
        self._next_line = time.monotonic() + LINE_EVERY_S
        note(title)

    def advance(self, what: str, done: int, total: int) -> None:
        rate = self._speed.of(what, done)
        if 0 < total <= done or time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_EVERY_S
            line = f"  {what}: {done} of {total}" if total else f"  {what}: {done}"
            if rate:
                line += f", {rate:.3g}/s"
                line += f", {(total - done) / rate:.0f} s left" if total > done else ""
            note(line)

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        note(f"  epoch {epoch} of {epochs}  {figures(metrics)}")

    def note(self, text: str) -> None:
        note(f"  {text}")


class LogProgress(Observer):
    """The same as events of the log; counts at their ends."""

    def stage(self, title: str) -> None:
        _log.info("stage", extra={"fields": {"stage": title}})

    def advance(self, what: str, done: int, total: int) -> None:
        if 0 < total <= done:
            _log.info("done", extra={"fields": {"what": what, "count": done}})

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        told = {"epoch": epoch, "epochs": epochs, "metrics": dict(metrics)}
        _log.info("epoch", extra={"fields": told})

    def note(self, text: str) -> None:
        note(text)


class _Speed:
    """How fast things are counted, each since it was first told: a count may begin above 0."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[float, int]] = {}

    def of(self, what: str, done: int) -> float:
        """A second; 0 before that can be told."""
        now = time.monotonic()
        since, before = self._first.setdefault(what, (now, done))
        return (done - before) / (now - since) if now - since >= 1 else 0.0


def figures(metrics: Mapping[str, float]) -> str:
    """The few metrics that tell how it goes: the score, then the losses."""
    order = sorted(metrics, key=lambda name: (name != "validation/score", "loss" not in name))
    return "  ".join(f"{name} {metrics[name]:.4g}" for name in order[:SHOWN_METRICS])
