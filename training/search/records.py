"""Trials as MLflow sees them: a run each, nested under the search's, fed while they run."""

import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from training.errors import CommonspaceError, Unavailable
from training.run_config import RunConfig
from training.search.outcome import Outcome
from training.tracking.forwarder import MetricsForwarder
from training.tracking.run import TrackedRun, open_run

log = logging.getLogger(__name__)

_RECORDED = "recorded"
_STATUS: Mapping[str, Any] = {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}


class TrialRecords:
    """The nested runs of a search; as a context manager it waits for what is still to be sent.

    A run ends in the background: a server that is slow or away holds no trial up.

    Args:
        parent: the search's run.
        name: of the search.
    """

    def __init__(self, parent: TrackedRun, name: str) -> None:
        self._parent, self._name = parent, name
        self._open: dict[int, tuple[TrackedRun, MetricsForwarder | None]] = {}
        self._ending: dict[int, Future[None]] = {}
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="trial-records")

    def begin(self, number: int, folder: Path, config: RunConfig, values: Mapping[str, Any]) -> str:
        """The run of a trial, made or reopened, with its settings; its id.

        Raises: Unavailable, before anything was spent on the trial.
        """
        run = open_run(
            self._parent.tracking,
            folder,
            name=f"{self._name}-{number:03d}",
            parent=self._parent.run_id,
        )
        run.log_config(config)
        run.set_tags({f"searched.{field}": str(value) for field, value in values.items()})
        self._open[number] = (run, None)
        return run.run_id

    def follow(self, number: int) -> None:
        """Bring the trial's epochs to MLflow from now on."""
        run, forwarder = self._open[number]
        if forwarder is None:
            self._open[number] = (run, run.forward_metrics().start())

    def end(self, outcome: Outcome) -> None:
        """Send what is left, and end the run, in the background."""
        self.follow(outcome.number)  # one that failed before it began has no forwarder yet
        self._ending[outcome.number] = self._pool.submit(self._end, outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._pool.shutdown(wait=True)
        for number, (run, forwarder) in self._open.items():
            if number not in self._ending:
                try:
                    if forwarder is not None:
                        forwarder.close(patience_s=1)
                    run.finish("KILLED")
                except CommonspaceError as second:
                    log.warning("trial %d: %s", number, second)
        failures = [future.exception() for future in self._ending.values()]
        missing = [failure for failure in failures if failure is not None]
        if missing and error is None:
            if not isinstance(missing[0], CommonspaceError):
                raise missing[0]
            raise Unavailable(
                f"{len(missing)} trials did not reach MLflow: {missing[0]}",
                hint=f"nothing is lost: commonspace tune --resume --name {self._name} sends them",
            )

    def _end(self, outcome: Outcome) -> None:
        run, forwarder = self._open[outcome.number]
        assert forwarder is not None and run.folder is not None
        forwarder.close()
        run.set_tags({"commonspace.ending": outcome.ending, "commonspace.error": outcome.error})
        if outcome.scores:
            best = {"best/score": outcome.best, "best/epoch": float(outcome.best_epoch)}
            run.log_metrics(best)
        run.finish(_STATUS[outcome.ending])
        (run.folder / _RECORDED).touch()


def recorded(folder: Path) -> bool:
    """Whether MLflow has all of an ended trial."""
    return (folder / _RECORDED).exists()
