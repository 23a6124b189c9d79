"""A `commonspace train` in a process of its own, to be killed; and what is left of it."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from infra.product import ProductConfig, load_config, open_tracking
from training.errors import Unavailable
from training.faults import Fault, read_faults
from training.fit import METRICS
from training.tracking.metrics_log import MetricsTail, metric_name, read_metrics
from training.tracking.server import Tracking

MARK = "COMMONSPACE_CHAOS"
"""Environment variable that all processes of a trial inherit."""
_LONGEST_S = 1200.0


class Family:
    """The processes that stem from some commands, wherever they hang in the tree.

    Known by the mark in their environment, by their session, by descent, or since they were seen
    before: a process that changes its title, as Ray's do, may overwrite its environment.
    """

    def __init__(self) -> None:
        self.mark = secrets.token_hex(8)
        self.sessions: set[int] = set()
        self._seen: set[psutil.Process] = set()

    def members(self, title: str = "") -> list[psutil.Process]:
        """Those that live, and have the words in their title."""
        roots = [one for one in psutil.process_iter() if one in self._seen or self._is_root(one)]
        for one in roots:
            self._seen.add(one)
            with contextlib.suppress(psutil.Error):
                self._seen.update(one.children(recursive=True))
        self._seen = {one for one in self._seen if _lives(one)}
        return [one for one in self._seen if title in _title(one)]

    def lasting(self, title: str = "", within_s: float = 30.0) -> list[str]:
        """Titles of those that are still there after so long; none, as soon as none is."""
        deadline = time.monotonic() + within_s
        while True:
            left = [_title(one)[:80] for one in self.members(title)]
            if not left or time.monotonic() >= deadline:
                return left
            time.sleep(0.2)

    def kill(self) -> None:
        """SIGKILL them until none is left."""
        for _ in range(10):
            doomed = self.members()
            for process in doomed:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            if not doomed:
                return
            psutil.wait_procs(doomed, timeout=2)

    def _is_root(self, process: psutil.Process) -> bool:
        try:
            if os.getsid(process.pid) in self.sessions:
                return True
            return process.environ().get(MARK) == self.mark
        except (psutil.Error, OSError):
            return False


class Trained:
    """One training, from its command to its last process.

    Args:
        workspace: with the run's folder.
        name: of the run.
        settings: `field=value`.
        environment: beside this process's own.
    """

    def __init__(
        self,
        workspace: Path,
        name: str,
        settings: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = workspace.absolute() / "runs" / name
        self.family = Family()
        self._arguments = [
            *("train", "--workspace", str(workspace), "--name", name, "--json"),
            *(part for setting in settings for part in ("--set", setting)),
        ]
        self._workspace, self._settings = workspace, settings
        self._environment = os.environ | (environment or {}) | {MARK: self.family.mark}
        logs = workspace.absolute().parent / "logs"  # elsewhere: the workspace's disk may fill up
        logs.mkdir(parents=True, exist_ok=True)
        self._output, self._log = logs / f"{name}.json", logs / f"{name}.log"
        self._log.unlink(missing_ok=True)

    def start(self, *options: str) -> None:
        """Run the command, with further options such as `--resume`."""
        with self._output.open("wb") as output, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.cli.main", *self._arguments, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self.family.sessions.add(self._process.pid)

    def until(self, what: str, happened: Callable[[], bool], within_s: float = _LONGEST_S) -> float:
        """Wait for something; the seconds it took. Raises: Unavailable if it doesn't happen."""
        begun = time.monotonic()
        while not happened():
            ended = self._process.poll() is not None and not happened()
            if ended or time.monotonic() - begun > within_s:
                raise Unavailable(f"{self.folder.name}: no {what}; see {self._log}")
            time.sleep(0.05)
        return time.monotonic() - begun

    def until_epoch(self, epoch: int) -> None:
        """Wait until an epoch is done, counted by the file that workers write."""
        self.until(f"epoch {epoch}", lambda: self.epochs() >= epoch)

    def ends(self, within_s: float = _LONGEST_S) -> int:
        """Wait for the end of the command; its exit code."""
        return self._process.wait(within_s)

    def runs(self) -> bool:
        """Whether the command runs."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the driver alone."""
        self.family.members()  # who they are is harder to tell without it
        os.kill(self._process.pid, number)
        if number == signal.SIGKILL:
            self._process.wait()

    def kill(self, title: str) -> None:
        """SIGKILL one process of the training by its title. Raises: Unavailable if none has it."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for process in self.family.members(title):
                with contextlib.suppress(psutil.Error):
                    process.kill()
                    return
        raise Unavailable(f"{self.folder.name}: no process {title}")

    def kill_pid(self, pid: int) -> None:
        """SIGKILL one process that the run's folder names; it may be gone already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def restarted(self, before: int) -> bool:
        """Whether more groups of workers began than `before`."""
        return len(self.faults("started")) > before

    def group(self) -> int:
        """Size of the newest group of workers; 0 before the first."""
        return next((fault.facts["workers"] for fault in self.faults("started")[::-1]), 0)

    def processes(self, title: str = "") -> list[psutil.Process]:
        """All processes of the training."""
        return self.family.members(title)

    def lasting(self, title: str = "", within_s: float = 30.0) -> list[str]:
        """Titles of its processes that are still there after so long."""
        return self.family.lasting(title, within_s)

    def sweep(self) -> None:
        """SIGKILL whatever is left of it."""
        self.family.kill()

    def faults(self, kind: str = "") -> list[Fault]:
        """What the run's folder tells of faults."""
        return [fault for fault in read_faults(self.folder) if kind in ("", fault.kind)]

    def lines(self) -> list[tuple[int, float]]:
        """(epoch, time) of each line of the metrics file, repeated epochs included."""
        tail = MetricsTail(self.folder / METRICS)
        return [(line.epoch, line.time) for line in tail.read()]

    def epochs(self) -> int:
        """How many epochs were done; 0 if that can't be read just now."""
        return max((epoch for epoch, _ in self.lines()), default=0)

    def said(self) -> str:
        """All that it printed for people, of all its starts."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def result(self) -> dict[str, Any] | None:
        """What it printed with `--json`, if it came to that."""
        try:
            return json.loads(self._output.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def registered(self) -> bool:
        """Whether MLflow has the model version that the command named."""
        result = self.result()
        if result is None:
            return False
        tracking, name = self._tracking(), self._config().tracking.registered_model
        found = tracking.call(lambda c: c.get_model_version(name, str(result["model_version"])))
        return found.run_id == result["mlflow_run_id"]

    def missing_in_mlflow(self) -> int:
        """Points (metric, epoch) of the metrics file that MLflow lacks or has otherwise."""
        result = self.result()
        if result is None:
            return -1
        wrong = 0
        histories: dict[str, dict[int, float]] = {}
        for line in read_metrics(self.folder / METRICS):
            for name, value in line.metrics.items():
                name = metric_name(name)
                if name not in histories:
                    points = self._tracking().call(
                        lambda c, name=name: c.get_metric_history(result["mlflow_run_id"], name)
                    )
                    histories[name] = {point.step: point.value for point in points}
                wrong += histories[name].get(line.epoch) != value
        return wrong

    def _config(self) -> ProductConfig:
        return load_config(None, self._settings, self._workspace)

    def _tracking(self) -> Tracking:
        return open_tracking(self._config())


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()  # Ray pads the titles of its own
    except psutil.Error:
        return ""
