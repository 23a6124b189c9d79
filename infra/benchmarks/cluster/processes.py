"""Processes that are started, waited for and ended together."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from training.errors import Unavailable

_STOP_S = 5.0
_STARTS = 10
_SAID = 3000


class Process:
    """One running program, in a session of its own, its output in a file.

    Args:
        name: for messages; the log's name.
        command: program and arguments.
        environment: all variables that it sees.
        folder: of the log; its working directory, too.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command, self._environment = list(command), dict(environment)
        self._start()

    def _start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def said(self) -> str:
        """The end of its output."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-_SAID:]

    def await_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it does what it is for; started again if it ends, as containers are.

        Raises: Unavailable if that takes longer, or it ended too often.
        """
        deadline, starts = time.monotonic() + seconds, 1
        while not ready():
            if self._process.poll() is not None and starts < _STARTS:
                self.stop()
                self._start()
                starts += 1
            elif self._process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"{self.name} did not start:\n{self.said()}")
            time.sleep(2)

    def stop(self) -> None:
        """Ask it to end; what is left of it and its descendants is killed."""
        family = self._family()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its session is its own
        self._process.wait()
        for one in family:
            with contextlib.suppress(psutil.Error):
                one.kill()
        psutil.wait_procs(family, timeout=_STOP_S)

    def _family(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def succeeds(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a command ends with 0 within ten seconds."""
    try:
        done = subprocess.run(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
