"""`commonspace submit` and `commonspace jobs`: work that runs on a Ray cluster."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Address, AsJson, TokenFile, configuration
from infra.cli.output import note, results, shorten, table
from infra.cli.pipeline import REFUSED
from training.errors import BadConfig, TrainingFailed

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from training.jobs import Job, Jobs

app = typer.Typer(
    name="jobs",
    help="Jobs of a Ray cluster: list them, read their logs, stop them.",
    no_args_is_help=True,
)

SUBMIT_CONTEXT = {"allow_interspersed_args": False, "ignore_unknown_options": True}
SUBMITTABLE = ("train", "evaluate", "index", "pipeline")
LOGGED = {"time", "level", "logger"}
"""What each line of a log has that is JSON; see `training.logs`."""
IN_WORDS = ["evaluate", "recommender"]
"""What it has measured it writes to files, and tells in words alone."""
CONFIG_NAME = "config.yaml"


def submit(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND [OPTIONS]...", help="train, evaluate, index or pipeline run."
        ),
    ],
    address: Address = None,
    token_file: TokenFile = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Show the job's log until it ends.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Run a command on a Ray cluster.

    Shows the log and, at the end, the MLflow run. The settings are checked here and sent whole.
    --workspace must name a folder that all machines of the cluster share. Ctrl-C leaves the job
    running. A pipeline that is refused there ends this command with exit code 11, too.

    \b
    Examples:
      commonspace submit --address http://head:8265 train --config run.yaml --workspace /shared/ws
      commonspace submit --no-wait train --workspace /mnt/ws --set scaling.workers=8
      commonspace submit train --workspace /shared/ws --set job.runtime=pip
    """
    settings, arguments = _read(command)
    from infra.environment import cluster
    from training.jobs import Jobs

    jobs = Jobs(*cluster(address, token_file))
    with results(as_json) as show:
        as_data = [] if arguments[:2] == IN_WORDS else ["--json"]
        job_id = jobs.submit(
            ["python", "-m", "infra.cli.main", *arguments, "--config", CONFIG_NAME, *as_data],
            settings.job,
            {CONFIG_NAME: settings.for_cluster().to_yaml()},
        )
        if not wait:
            show({"job_id": job_id}, text=job_id)
            return
        note(f"job {job_id} at {jobs.address}")
        result = _follow(jobs, job_id)
        facts = result if isinstance(result, dict) else {}
        run_id = facts.get("mlflow_run_id")
        refused = bool(facts.get("refused"))
        ending = f"was refused: {facts.get('reason')}" if refused else "succeeded"
        show(
            {"job_id": job_id, "mlflow_run_id": run_id, "result": result},
            text=f"job {job_id} {ending}" + (f"\nMLflow run {run_id}" if run_id else ""),
        )
    if refused:
        raise typer.Exit(REFUSED)


@app.command("list")
def list_jobs(
    address: Address = None, token_file: TokenFile = None, as_json: AsJson = False
) -> None:
    """List the cluster's jobs, the latest first.

    \b
    Examples:
      commonspace jobs list
      commonspace jobs list --address http://head:8265 --json
    """
    jobs = _jobs(address, token_file)
    with results(as_json) as show:
        found = jobs.list()
        show(
            [_as_dict(job) for job in found],
            text=table(
                ("job", "status", "started", "command"),
                [(job.id, job.status, _time(job), shorten(job.command, 80)) for job in found],
            ),
        )


@app.command()
def logs(
    job_id: Annotated[str, typer.Argument(metavar="JOB")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    address: Address = None,
    token_file: TokenFile = None,
) -> None:
    """Print what a job has printed.

    \b
    Examples:
      commonspace jobs logs raysubmit_2bXYz --address http://head:8265
      commonspace jobs logs raysubmit_2bXYz --follow
    """
    jobs = _jobs(address, token_file)
    for line in jobs.follow(job_id) if follow else jobs.logs(job_id).splitlines():
        typer.echo(line)


@app.command()
def stop(
    job_id: Annotated[str, typer.Argument(metavar="JOB")],
    address: Address = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Stop a job and wait until it has ended.

    One that has ended already stays as it is.

    \b
    Examples:
      commonspace jobs stop raysubmit_2bXYz
    """
    jobs = _jobs(address, token_file)
    with results(as_json) as show:
        job = jobs.stop(job_id)
        show(_as_dict(job), text=f"{job.id} {job.status}")


def _jobs(address: str | None, token_file: Path | None) -> "Jobs":
    from infra.environment import cluster
    from training.jobs import Jobs

    return Jobs(*cluster(address, token_file))


def _read(command: list[str]) -> tuple["ProductConfig", list[str]]:
    """The settings that a command line names, and what is left of it to run on the cluster."""
    if command[0] not in SUBMITTABLE:
        raise BadConfig(
            f"{command[0]!r} can't be submitted", hint=f"these can: {', '.join(SUBMITTABLE)}"
        )
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append")
    parser.add_argument("--workspace", type=Path)
    try:
        named, rest = parser.parse_known_args(command)
    except argparse.ArgumentError as error:
        raise BadConfig(str(error)) from None
    settings = configuration(named.config, named.set, named.workspace)
    if not settings.workspace.is_absolute():
        raise BadConfig(
            f"workspace {settings.workspace} is relative, and a job's own folder is thrown away",
            hint="name a folder that the cluster's machines share: --workspace /shared/commonspace",
        )
    return settings, rest


def _follow(jobs: "Jobs", job_id: str) -> dict[str, Any] | list[Any]:
    """Show a job's log until it ends and return its result.

    Raises: TrainingFailed if it failed; a pipeline that was refused has done its work.
    """
    try:
        result = last_result(jobs.follow(job_id))
        job = jobs.wait(job_id, patience_s=60)
    except KeyboardInterrupt:
        note(f"job {job_id} goes on; `commonspace jobs logs -f {job_id}` follows it again,")
        note(f"`commonspace jobs stop {job_id}` ends it")
        raise
    refused = isinstance(result, dict) and result.get("refused")
    if job.status != "SUCCEEDED" and not refused:
        raise TrainingFailed(
            f"job {job_id} ended as {job.status}: {shorten(job.message, 300)}",
            hint=f"its log: commonspace jobs logs {job_id} --address {jobs.address}",
        )
    return result


def last_result(lines: Iterable[str]) -> dict[str, Any] | list[Any]:
    """Pass a log through to stderr; its last line that is JSON is the command's result.

    But for lines of a log that is JSON itself; see `logs.format`.
    """
    result: dict[str, Any] | list[Any] = {}
    for line in lines:
        found = _parsed(line)
        if found is None:
            note(line)
        else:
            result = found
    return result


def _parsed(line: str) -> dict[str, Any] | list[Any] | None:
    if not line.startswith(("{", "[")):
        return None
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return None  # it only looks like it
    return None if isinstance(found, dict) and found.keys() >= LOGGED else found


def _as_dict(job: "Job") -> dict[str, Any]:
    return {
        "id": job.id,
        "status": job.status,
        "command": job.command,
        "message": job.message,
        "started": job.started.isoformat() if job.started else None,
        "ended": job.ended.isoformat() if job.ended else None,
    }


def _time(job: "Job") -> str:
    return job.started.astimezone().strftime("%Y-%m-%d %H:%M:%S") if job.started else ""
