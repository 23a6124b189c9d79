"""Jobs on a Ray cluster, through its HTTP address: submit, list, follow the logs, stop.

The job API of a cluster runs any code that it is sent, so a cluster worth the name asks for a
token. Ours goes in a header; it is never written down, never part of the job's own environment.
"""

import shlex
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import Unavailable
from training.job_client import blocking, clear_errors, connect, job_server
from training.job_runtime import JobConfig, runtime_environment

if TYPE_CHECKING:
    from ray.job_submission import JobDetails

RECONNECTIONS = 5  # of one log stream, each after a second: proxies close idle connections
ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


@dataclass(frozen=True)
class Job:
    """One job of a cluster.

    Attributes:
        status: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        message: the cluster's own words about the status.
        started, ended: None until they happen.
    """

    id: str
    status: str
    command: str
    message: str
    started: datetime | None
    ended: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in ENDED


class Jobs:
    """The jobs of one cluster.

    Args:
        address: URL of the cluster's dashboard, e.g. `https://ray.example.org`; `http://` if it
            names no scheme, the local cluster if None.
        token: what the cluster was started with (RAY_AUTH_MODE=token); None for an open cluster.

    Raises (all methods): Unavailable if nothing answers, Refused for a missing or wrong token.

    Example:
        >>> jobs = Jobs("http://127.0.0.1:8265", token)                     # doctest: +SKIP
        >>> job_id = jobs.submit(["python", "-m", "my.training"], JobConfig())  # doctest: +SKIP
        >>> for line in jobs.follow(job_id): print(line)                    # doctest: +SKIP
    """

    def __init__(self, address: str | None = None, token: str | None = None) -> None:
        self.address = job_server(address)
        self._client = connect(self.address, token)
        self._token = token

    def submit(
        self, command: Sequence[str], config: JobConfig, files: Mapping[str, str] | None = None
    ) -> str:
        """Start a command on the cluster and return the job's id at once.

        Args:
            command: program and arguments; quoted here, run by a shell there.
            config: how the environment of the job is made.
            files: name → text, laid into the job's working directory (a configuration, say).
        """
        with (
            tempfile.TemporaryDirectory(prefix="commonspace-job-") as folder,
            self._errors(),
        ):
            for name, text in (files or {}).items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            return self._client.submit_job(
                entrypoint=shlex.join(command),
                runtime_env=runtime_environment(config, Path(folder)),
                entrypoint_num_cpus=config.entrypoint_cpus,
                metadata=dict(config.metadata),
            )

    def list(self) -> list[Job]:
        """All jobs that were submitted to the cluster, the latest first."""
        with self._errors():
            found = [_job(details) for details in self._client.list_jobs()]
        submitted = [job for job in found if job.id]
        return sorted(submitted, key=lambda job: job.started or _NEVER, reverse=True)

    def get(self, job_id: str) -> Job:
        """One job. Raises: NotFound."""
        with self._errors(job_id):
            return _job(self._client.get_job_info(job_id))

    def logs(self, job_id: str) -> str:
        """What the job has printed until now, both streams. Raises: NotFound."""
        with self._errors(job_id):
            return self._client.get_job_logs(job_id)

    def follow(self, job_id: str) -> Iterator[str]:
        """The lines of the job's log from its first, as they come, until the job has ended.

        A dropped connection is taken up again where it broke. Raises: NotFound.
        """
        self.get(job_id)  # so that an unknown job is an error of its own, not a broken stream
        given, attempts = 0, 0
        while True:
            unfinished = ""
            received = 0
            try:
                with self._errors(job_id):
                    for chunk in blocking(self._client.tail_job_logs(job_id)):
                        # a new stream starts at the first line again: pass over what was given
                        fresh = chunk[max(0, given - received) :]
                        received += len(chunk)
                        *lines, unfinished = (unfinished + fresh).split("\n")
                        for line in lines:
                            given += len(line) + 1
                            yield line
            except Unavailable:
                attempts += 1
                if attempts > RECONNECTIONS:
                    raise
                time.sleep(1)
                continue
            if unfinished:
                yield unfinished
            return

    def stop(self, job_id: str, *, patience_s: float = 30) -> Job:
        """Ask a job to end, wait until it has, and return it. A job that has ended stays as it is.

        Raises: NotFound; Unavailable if it still runs after `patience_s` seconds.
        """
        with self._errors(job_id):
            self._client.stop_job(job_id)
        return self.wait(job_id, patience_s=patience_s)

    def wait(self, job_id: str, *, patience_s: float) -> Job:
        """The job once it has ended. Raises: Unavailable if that takes longer."""
        deadline = time.monotonic() + patience_s
        while not (job := self.get(job_id)).has_ended:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"job {job_id} is still {job.status} after {patience_s:g} s",
                    hint=f"look again with `commonspace jobs list --address {self.address}`",
                )
            time.sleep(0.2)
        return job

    def _errors(self, job_id: str | None = None) -> AbstractContextManager[None]:
        return clear_errors(self.address, self._token, job_id)


_NEVER = datetime.fromtimestamp(0, UTC)


def _job(details: "JobDetails") -> Job:
    return Job(
        id=details.submission_id or "",
        status=str(details.status),
        command=details.entrypoint,
        message=details.message or "",
        started=_moment(details.start_time),
        ended=_moment(details.end_time),
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
