"""Known noise of Ray, silenced by name; every other message of every library stays."""

import logging
import os
from pathlib import Path

_TRAIN = "ray.train.v2._internal.execution"
_NOISE = {
    # Ray Train's monitor asks the dashboard every second whether the controller lives, and
    # complains each time where no dashboard runs.
    f"{_TRAIN}.controller.placement_group_cleaner": "Failed to query Ray Train Controller actor",
    # Ordinary steps of a training, which its own progress shows.
    f"{_TRAIN}.scaling_policy.scaling_policy": "Requesting resources",
    f"{_TRAIN}.worker_group.worker_group": ("Attempting to start", "Started training worker group"),
    f"{_TRAIN}.storage": "Checkpoint successfully created",
    "ray.train.torch.config": "Setting up process group",
    # A local cluster that asks for a token is what we want.
    "ray._private.authentication.authentication_token_setup": "Token authentication is enabled",
}
_NOISE_BY_FILE = {"train/v2/_internal/execution/context.py": "Reporting training result"}
"""Of loggers that are named after their file inside the package."""


def quiet() -> None:
    """Silence the known noise in this process."""
    import ray

    package = Path(ray.__file__).parent
    by_file = {str(package / file): beginning for file, beginning in _NOISE_BY_FILE.items()}
    for name, beginning in (_NOISE | by_file).items():
        logger = logging.getLogger(name)
        # a filter, not a level: Ray Train resets the levels of its loggers
        if not any(isinstance(known, _Without) for known in logger.filters):
            logger.addFilter(_Without(beginning))


def settle_worker() -> None:
    """What each worker of a local Ray does first (its `worker_process_setup_hook`).

    It also learns the address of its own Ray: that monitor would else look for any Ray on the
    machine, and break down if it finds two.
    """
    import ray

    quiet()
    os.environ.setdefault("RAY_ADDRESS", ray.get_runtime_context().gcs_address)


class _Without(logging.Filter):
    """Lets all messages pass but those that begin so."""

    def __init__(self, beginning: str | tuple[str, ...]) -> None:
        super().__init__()
        self._beginning = beginning

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(self._beginning)
