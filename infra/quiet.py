"""Known noise of Ray, silenced by its words; every other message of every library stays."""

import logging
import os
import sys

NOISE = (
    # Ray Train's monitor asks the dashboard every second whether the controller lives, and
    # complains each time where no dashboard runs.
    "Failed to query Ray Train Controller actor state",
    # Of actors that Ray Data and Ray Train make for themselves.
    "has constructor arguments in the object store and max_restarts > 0",
    # Ordinary steps of a training, which its own progress shows.
    r"Requesting resources: \{",
    "(Attempting to start|Started) training worker group of size",
    r"- \(ip=\S+, pid=\d+\) world_rank=",
    "Setting up process group for: env://",
    "Checkpoint successfully created at: ",
    r"Reporting training result \d+: ",
    # An encoder that learns may have parts that it doesn't use, so each step must look for them;
    # PyTorch says once that a step found none.
    "find_unused_parameters=True was specified in DDP constructor",
    # Ray Serve ends its controller in the middle of its own last call.
    r"Task ServeController\.\w+ failed",
)


def quiet() -> None:
    """Keep the known noise of workers from this process's output. Call it before Ray is imported.

    A user's own RAY_DEDUP_LOGS_SKIP_REGEX stays as it is. What is skipped here is still in Ray's
    log files.
    """
    if "ray" in sys.modules:
        return
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "|".join(NOISE))
    # a local cluster that asks for a token is what we want: no warning that it does
    token_setup = logging.getLogger("ray._private.authentication.authentication_token_setup")
    token_setup.setLevel(logging.ERROR)


def settle_worker() -> None:
    """What each worker of a local Ray does first (its `worker_process_setup_hook`).

    It learns the address of its own Ray: Ray Train's monitor would else look for any Ray on the
    machine, and break down if it finds two.
    """
    import ray

    os.environ.setdefault("RAY_ADDRESS", ray.get_runtime_context().gcs_address)
