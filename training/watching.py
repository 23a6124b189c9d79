"""A training as those see it who run it: figures and log lines, from the process that has them."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from training import measures
from training.log_config import LogConfig
from training.logs import bind, bound, open_logs
from training.ray_recorder import RayRecorder
from training.recorder import Recorder

if TYPE_CHECKING:
    from ray.train import UserCallback

    from training.data.report import CheckReport
    from training.state import State

Report = Callable[[dict[str, float], "State"], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watch:
    """What a worker must know to tell of itself.

    Attributes:
        run: name of the run's folder; nothing is told of one without a name.
        run_id: of MLflow.
        epochs: there are at most.
        logs: how workers log.
    """

    run: str = ""
    run_id: str = ""
    epochs: int = 0
    logs: LogConfig = field(default_factory=LogConfig)

    def reporting(self, report: Report, recorder: Recorder | None = None) -> Report:
        """`report`, and the figures of each epoch told beside it.

        To be called where the worker begins: its log lines name the run from then on. Every worker
        tells its own wait for data; what is of all together, worker 0 tells.

        Args:
            report: of an epoch's metrics and state, as `loop.run` takes it.
            recorder: takes the figures; Ray's by default.
        """
        from training.distributed import rank

        if not self.run:
            return report
        open_logs(self.logs, "training")
        bind(run=self.run, run_id=self.run_id, rank=str(rank()), job_id=job_id())
        told = recorder or RayRecorder()
        first = rank() == 0
        if first:
            told.set(measures.EPOCHS, self.epochs, run=self.run)
            told.set(measures.PROGRESS, time.time(), run=self.run)
        self._say("worker begins")

        def reporting(metrics: dict[str, float], state: "State") -> None:
            begun = time.perf_counter()
            report(metrics, state)
            seconds = time.perf_counter() - begun
            waited = metrics.get("train/data_wait_share")
            if waited is not None:
                told.set(measures.DATA_WAIT, waited, run=self.run, rank=str(rank()))
            if first:
                told.observe(measures.CHECKPOINT_SECONDS, seconds, run=self.run)
                self._tell(told, metrics, state.progress.epoch)

        return reporting

    def restarts(self, recorder: Recorder | None = None) -> "UserCallback":
        """A callback of Ray Train that counts worker failures; it runs in the controller."""
        from ray.train import UserCallback

        class Restarts(UserCallback):
            def __init__(self, watch: Watch, told: Recorder | None) -> None:
                self._watch, self._told, self._count = watch, told, 0

            def after_report(self, run_context: Any, metrics: Any, checkpoint: Any) -> None:
                self._tell()

            def after_exception(self, run_context: Any, worker_exceptions: Any) -> None:
                self._count += 1
                self._tell()
                with bound(run=self._watch.run, run_id=self._watch.run_id):
                    _log.warning("workers failed: %s", sorted(worker_exceptions))

            def _tell(self) -> None:
                if not self._watch.run:
                    return
                if self._told is None:  # made where it runs
                    self._told = RayRecorder()
                self._told.set(measures.RESTARTS, self._count, run=self._watch.run)

        return Restarts(self, recorder)

    def _tell(self, told: Recorder, metrics: dict[str, float], epoch: int) -> None:
        told.set(measures.EPOCH, epoch, run=self.run)
        told.set(measures.PROGRESS, time.time(), run=self.run)
        for name, value in metrics.items():
            part, _, rest = name.partition("/")
            if part == "loss":
                told.set(measures.LOSS, value, run=self.run, pair=rest)
        for name, metric in _OF_ALL.items():
            if name in metrics:
                told.set(metric, metrics[name], run=self.run)
        if metrics:  # else it was saved within an epoch
            self._say("epoch", epoch=epoch, metrics=metrics)

    def _say(self, event: str, **fields: Any) -> None:
        """Log it where logs are asked for; else the driver's progress tells it to people."""
        if self.logs != LogConfig():
            _log.info(event, extra={"fields": fields})


_OF_ALL = {
    "validation/score": measures.VALIDATION,
    "train/samples_per_second": measures.SAMPLES,
}


def tell_data(report: "CheckReport", recorder: Recorder | None = None) -> None:
    """How many rows were read and why others were kept out."""
    told = recorder or RayRecorder()
    for table, found in report.tables.items():
        told.set(measures.ROWS, found.read, table=table)
        for reason, rows in found.reasons.items():
            told.set(measures.QUARANTINED, rows, table=table, reason=reason)
        if not found.reasons:
            told.set(measures.QUARANTINED, 0, table=table, reason="none")


def job_id() -> str | None:
    """Ray's id of the job that this process works for; None without Ray."""
    import ray

    return ray.get_runtime_context().get_job_id() if ray.is_initialized() else None
