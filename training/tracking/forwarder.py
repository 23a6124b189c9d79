"""Brings `metrics.jsonl` to MLflow while training runs, and catches up after an outage."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from training.errors import Refused, Unavailable
from training.tracking.metrics_log import EpochMetrics, MetricsTail, metric_name
from training.tracking.server import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)

_BATCH = 1000  # MLflow's limit for one call
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0


class MetricsForwarder:
    """Follows the file in the driver; use as a context manager around the training.

    Two threads, so that a server that hangs delays nothing: one reads the file and calls
    `on_epoch`, the other sends. Nothing that goes wrong with MLflow reaches the training; it is
    told by `close`. A point (metric, epoch) that the run holds already is not sent again, be it
    from before a resume or from a call whose answer was lost.

    Args:
        tracking: the server.
        run_id: the MLflow run.
        path: the file; it need not exist yet.
        on_epoch: called once for each epoch that is written after the start, in order of writing;
            lines of an earlier session are forwarded without it.
        interval_s: how often the file is looked at.
    """

    def __init__(
        self,
        tracking: Tracking,
        run_id: str,
        path: Path,
        *,
        on_epoch: Callable[[EpochMetrics], None] | None = None,
        interval_s: float = 0.5,
    ) -> None:
        self._tracking, self._run_id = tracking, run_id
        self._tail, self._on_epoch, self._interval_s = MetricsTail(path), on_epoch, interval_s
        self._changed = threading.Condition()
        self._waiting: deque[EpochMetrics] = deque()
        self._known: set[tuple[str, int]] | None = None
        self._closed = self._given_up = False
        self._failure: Exception | None = None
        self._outage: Unavailable | Refused | None = None
        self._stop_reading = threading.Event()
        self._reader = threading.Thread(target=self._follow, name="metrics-reader", daemon=True)
        self._sender = threading.Thread(target=self._send_all, name="metrics-sender", daemon=True)

    def start(self) -> Self:
        """Begin to follow the file. Raises: BadData if the lines that are there can't be read."""
        self._take(self._tail.read())
        self._reader.start()
        self._sender.start()
        return self

    @property
    def pending(self) -> int:
        """Epochs that were read and have not reached MLflow."""
        with self._changed:
            return len(self._waiting)

    def close(self, *, patience_s: float | None = None) -> None:
        """Read what is left, send it, and stop.

        Args:
            patience_s: how long to wait for a server that is away; None for the configured time.

        Raises:
            Unavailable: epochs are left over; they are safe in the file, and a resume sends them.
            Exception: whatever else stopped the forwarding, the callback's errors included.
        """
        if self._closed:
            return
        self._stop_reading.set()
        self._reader.join()
        if self._failure is None:
            self._look()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._sender.join(self._tracking.config.patience_s if patience_s is None else patience_s)
        with self._changed:
            self._given_up = True
            left = len(self._waiting)
            self._changed.notify_all()
        if self._failure is not None:
            raise self._failure
        if left:
            reason = self._outage or f"{self._tracking.name} is slow"
            raise Unavailable(
                f"{left} epochs did not reach MLflow: {reason}",
                hint=f"nothing is lost: they are in {self._tail.path}, and --resume sends them",
            )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.close()
            return
        try:  # training failed: its error counts, ours is only told
            self.close(patience_s=min(5.0, self._tracking.config.patience_s))
        except Exception as second:
            _log.warning("metrics were not all forwarded: %s", second)

    def _follow(self) -> None:
        while self._failure is None and not self._stop_reading.wait(self._interval_s):
            self._look()

    def _look(self) -> None:
        try:
            found = self._tail.read()
            self._take(found)
            if self._on_epoch:
                for epoch in found:
                    self._on_epoch(epoch)
        except Exception as error:
            self._fail(error)

    def _take(self, found: Iterable[EpochMetrics]) -> None:
        with self._changed:
            self._waiting.extend(found)
            self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        _log.error("metrics are no longer forwarded to MLflow: %s", error, exc_info=error)
        self._failure = self._failure or error

    def _send_all(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting or self._given_up:
                    return
                batch = list(self._waiting)
            try:
                self._tracking.call(lambda client, batch=batch: self._send(client, batch))
            except (Unavailable, Refused) as error:
                if self._outage is None:
                    _log.warning("%s; metrics wait in %s", error, self._tail.path)
                self._outage = error
                with self._changed:  # a new epoch or the end of training wakes it early
                    self._changed.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            except Exception as error:
                self._fail(error)
                return
            else:
                pause, self._outage = _FIRST_PAUSE_S, None
                with self._changed:
                    for _ in batch:
                        self._waiting.popleft()

    def _send(self, client: "MlflowClient", batch: Sequence[EpochMetrics]) -> None:
        from mlflow.entities import Metric

        if self._known is None:
            self._known = _logged(client, self._run_id)
        known, self._known = self._known, None  # unknown again if a call below fails halfway
        points: dict[tuple[str, int], Metric] = {}
        for epoch in batch:
            for name, value in epoch.metrics.items():
                point = (metric_name(name), epoch.epoch)
                if point not in known:
                    points[point] = Metric(point[0], value, int(epoch.time * 1000), epoch.epoch)
        metrics = list(points.values())
        for start in range(0, len(metrics), _BATCH):
            client.log_batch(self._run_id, metrics=metrics[start : start + _BATCH])
        self._known = known | points.keys()


def _logged(client: "MlflowClient", run_id: str) -> set[tuple[str, int]]:
    """Each (metric, step) that the run holds."""
    return {
        (name, point.step)
        for name in client.get_run(run_id).data.metrics
        for point in client.get_metric_history(run_id, name)
    }
