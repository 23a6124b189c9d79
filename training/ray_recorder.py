"""Figures to Ray: each node's metrics agent shows those of all its processes to Prometheus.

So a figure is read at one place a node, whichever worker or replica it came from, and counters
outlive the process that counted. An agent forgets a gauge that was not told for two intervals,
so that those of the dead go. Those of the living are therefore told again each second.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from training.recorder import Kind, Metric, Recorder


class RayRecorder(Recorder):
    """Records by `ray.util.metrics`; does nothing in a process without Ray.

    Ray adds who told it, by node and worker, and `ray_` before the name.
    """

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}
        self._lock = threading.Lock()

    def add(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """As `Recorder.add`."""
        told = self._told(metric)
        if told is not None:
            told.inc(amount, labels)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """As `Recorder.set`."""
        told = self._told(metric)
        if told is not None:
            told.set(value, labels)
            _gauges.keep(told, value, labels)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """As `Recorder.observe`."""
        told = self._told(metric)
        if told is not None:
            told.observe(value, labels)

    def stage(self, metric: Metric, **labels: str) -> AbstractContextManager[object]:
        """As `Recorder.stage`."""
        return timed(self, metric, labels)

    def _told(self, metric: Metric) -> Any:
        told = self._known.get(metric.name)
        if told is None:
            import ray

            if not ray.is_initialized():
                return None
            with self._lock:
                told = self._known.get(metric.name)
                if told is None:
                    told = self._known[metric.name] = _made(metric)
        return told


class Gauges:
    """Gauges of this process, told again and again for as long as Ray is there.

    Args:
        again_s: how often; Ray's agents take figures each second at the most.
    """

    def __init__(self, again_s: float = 1.0) -> None:
        self._again_s = again_s
        self._kept: dict[tuple[int, tuple[str, ...]], tuple[Any, float, dict[str, str]]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def keep(self, told: Any, value: float, labels: dict[str, str]) -> None:
        """Tell a gauge of Ray's its value again, until it is kept with another one."""
        with self._lock:
            self._kept[id(told), tuple(labels.values())] = told, value, labels
            if self._thread is None:
                self._thread = threading.Thread(target=self._tell, name="gauges", daemon=True)
                self._thread.start()

    def _tell(self) -> None:
        import ray

        while True:
            time.sleep(self._again_s)
            with self._lock:
                if not ray.is_initialized():  # who comes back to Ray tells anew
                    self._kept.clear()
                    self._thread = None
                    return
                for told, value, labels in self._kept.values():
                    told.set(value, labels)


_gauges = Gauges()


@contextmanager
def timed(recorder: Recorder, metric: Metric, labels: dict[str, str]) -> Iterator[None]:
    """Observe how long the body of a `with` takes, however it ends."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        recorder.observe(metric, time.perf_counter() - begun, **labels)


def _made(metric: Metric) -> Any:
    from ray.util.metrics import Counter, Gauge, Histogram

    if metric.kind is Kind.HISTOGRAM:
        bounds = list(metric.buckets)
        return Histogram(metric.name, metric.meaning, boundaries=bounds, tag_keys=metric.labels)
    kind = Counter if metric.kind is Kind.COUNTER else Gauge
    return kind(metric.name, metric.meaning, tag_keys=metric.labels)
