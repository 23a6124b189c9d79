"""Figures of one process for Prometheus, where no Ray collects them."""

import threading
from contextlib import AbstractContextManager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from training.ray_recorder import timed
from training.recorder import Kind, Metric, Recorder

_KINDS: dict[Kind, Any] = {Kind.COUNTER: Counter, Kind.GAUGE: Gauge, Kind.HISTOGRAM: Histogram}


class PrometheusRecorder(Recorder):
    """Keeps figures in a registry of `prometheus_client`.

    Args:
        registry: where; a new one if None.

    Attributes:
        registry: of all that was told.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._known: dict[str, Any] = {}
        self._lock = threading.Lock()

    def add(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """As `Recorder.add`."""
        self._told(metric, labels).inc(amount)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """As `Recorder.set`."""
        self._told(metric, labels).set(value)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """As `Recorder.observe`."""
        self._told(metric, labels).observe(value)

    def stage(self, metric: Metric, **labels: str) -> AbstractContextManager[object]:
        """As `Recorder.stage`."""
        return timed(self, metric, labels)

    async def shown(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)

    def _told(self, metric: Metric, labels: dict[str, str]) -> Any:
        with self._lock:
            told = self._known.get(metric.name)
            if told is None:
                more = {"buckets": metric.buckets} if metric.kind is Kind.HISTOGRAM else {}
                told = self._known[metric.name] = _KINDS[metric.kind](
                    metric.name, metric.meaning, metric.labels, registry=self.registry, **more
                )
        return told.labels(**labels) if labels else told
