"""How work tells its figures, without knowing who reads them.

A `Recorder` is handed in, as an `Observer` is: training and recommending know neither Prometheus
nor HTTP nor tracing, and cost next to nothing where nobody looks on. A metric is described once,
in the `measures.py` of the package that has it: its name, its labels and what it means. Labels
have few values that are known beforehand; ids of people and posts, and texts, are never among them.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Buckets of times, from a look-up to what nobody waits for."""


class Kind(StrEnum):
    """What can be done with a metric."""

    COUNTER = "counter"
    """Only grows; its name ends in `_total`."""
    GAUGE = "gauge"
    """The value of the moment."""
    HISTOGRAM = "histogram"
    """Many values, counted by size."""


@dataclass(frozen=True)
class Metric:
    """A figure that is told again and again.

    Attributes:
        name: as Prometheus has it, the unit at its end.
        kind: what can be done with it.
        meaning: one line.
        labels: names of what it is told apart by.
        buckets: upper bounds, for histograms.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = SECONDS


class Recorder:
    """Takes figures and stages of work; this one forgets them all.

    Threads may share one. A metric's labels are all given, as texts.
    """

    def add(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """A counter grows by `amount`, which is above 0."""

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """A gauge is `value` from now on."""

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """A histogram gets one more value."""

    def stage(self, metric: Metric, **labels: str) -> AbstractContextManager[object]:
        """A part of the work for the body of a `with`; its seconds go into the histogram."""
        return _NOTHING


_NOTHING = nullcontext()
SILENT = Recorder()
