"""Known pieces of noise, silenced by name; every other message of every library stays."""

import logging

_NOISE = {
    # Ray Train's monitor asks the dashboard every second whether the controller lives, and
    # complains each time where no dashboard runs.
    "ray.train.v2._internal.execution.controller.placement_group_cleaner": (
        "Failed to query Ray Train Controller actor state"
    ),
    # A local cluster that asks for a token is what we want.
    "ray._private.authentication.authentication_token_setup": "Token authentication is enabled",
}


def quiet() -> None:
    """Silence the known noise in this process.

    Ray calls this in every worker, too (`worker_process_setup_hook`).
    """
    for name, beginning in _NOISE.items():
        logger = logging.getLogger(name)
        if not any(isinstance(known, _Without) for known in logger.filters):
            logger.addFilter(_Without(beginning))


class _Without(logging.Filter):
    """Lets all messages pass but those with one beginning."""

    def __init__(self, beginning: str) -> None:
        super().__init__()
        self._beginning = beginning

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(self._beginning)
