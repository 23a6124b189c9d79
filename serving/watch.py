"""A process of the service as those see it who run it: its logs, its figures, its traces.

A process has one recorder, as it has one log. In a replica it is Ray's, so that each node's agent
shows the figures of all replicas; anywhere else it is what `use` says, or none.
"""

from serving.settings import ServingSettings
from serving.tracing import Traced, open_tracing
from training.logs import open_logs
from training.ray_recorder import RayRecorder
from training.recorder import SILENT, Recorder

_process: Recorder = SILENT


def watch(settings: ServingSettings, part: str) -> Recorder:
    """Begin to watch this process, and tell what takes its figures.

    Args:
        settings: of the service.
        part: which part of it this process is.
    """
    open_logs(settings.logs, part)
    if in_replica():
        use(RayRecorder())
    if open_tracing(settings.tracing, part) and not isinstance(_process, Traced):
        use(Traced(_process))
    return _process


def recorder() -> Recorder:
    """What takes this process's figures."""
    return _process


def use(taking: Recorder) -> None:
    """Have this process's figures taken by another recorder."""
    global _process
    _process = taking


def in_replica() -> bool:
    """Whether this process is a replica of Ray Serve."""
    from ray import serve
    from ray.serve.exceptions import RayServeException

    try:
        serve.get_replica_context()
    except RayServeException:
        return False
    return True
