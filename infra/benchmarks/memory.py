"""Peak memory of a process and of all below it, by what each of them is.

What counts is anonymous memory: what a process has to itself and can't give back. Pages of mapped
files are left out, as the kernel drops them when memory is short; so is Ray's object store, which
is bounded by a setting and shared. Both are measured apart.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

_EVERY_S = 0.25


@dataclass
class Peaks:
    """The largest of each kind so far, in megabytes.

    Attributes:
        anonymous: role to the peak of the largest process of that role.
        mapped: likewise, pages of files.
        shared: the most of Ray's object store that was in memory.
    """

    anonymous: dict[str, float] = field(default_factory=dict)
    mapped: dict[str, float] = field(default_factory=dict)
    shared: float = 0.0

    def note(self, role: str, status: dict[str, float]) -> None:
        """Take a process's present memory in."""
        self.anonymous[role] = max(self.anonymous.get(role, 0.0), status["RssAnon"])
        self.mapped[role] = max(self.mapped.get(role, 0.0), status["RssFile"])
        self.shared = max(self.shared, status["RssShmem"])


@contextlib.contextmanager
def watched(pid: int) -> Iterator[Peaks]:
    """Look at a process and all below it four times a second, for the body of a `with`."""
    peaks, ended = Peaks(), threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY_S):
            with contextlib.suppress(psutil.Error):
                root = psutil.Process(pid)
                for process in [root, *root.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error, OSError, KeyError):
                        title = process.cmdline()
                        role = "driver" if process.pid == pid else role_of(title)
                        peaks.note(role, _status(process.pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def role_of(command: list[str]) -> str:
    """What a process is, by its command line.

    A worker of Ray is known by what it does now: `ray::Worker.encode` counts as `worker`, as does
    an idle one.
    """
    title = " ".join(command)
    if "recsys.milvus_server" in title:
        return "vectors"
    if title.startswith("ray::") and "Agent" not in title and "Autoscaling" not in title:
        return "trainer" if "RayTrainWorker" in title else "worker"
    return "services of Ray"


def _status(pid: int) -> dict[str, float]:
    """Kinds of resident memory in megabytes, by their names in `/proc/PID/status`."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        fields = dict(line.split(":", 1) for line in file if line.startswith("Rss"))
    return {name: int(value.split()[0]) / 1024 for name, value in fields.items()}
