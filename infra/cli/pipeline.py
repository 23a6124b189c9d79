"""`commonspace pipeline`: scheduled retraining, from new data to a model in use."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import (
    AsJson,
    ConfigFile,
    Overrides,
    PrintConfig,
    Workspace,
    configuration,
)
from infra.cli.output import results, shorten, table

if TYPE_CHECKING:
    from infra.pipeline.record import Record
    from infra.pipeline.run import Finished

REFUSED = 11
"""Exit code of a run that was refused: no fault of the machine's, a person must look."""

app = typer.Typer(
    name="pipeline",
    help="Scheduled retraining: validate, drift, train, gate, index, switch; each step once.",
    no_args_is_help=True,
)


@app.command()
def run(
    config: ConfigFile = None,
    overrides: Overrides = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of a new run; from the time if none.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Begin a new run, even if nothing is new.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept", help="Go on though a check of the data or of a direction refuses."
        ),
    ] = False,
    workspace: Workspace = None,
    print_config: PrintConfig = False,
    as_json: AsJson = False,
) -> None:
    """Retrain if data or settings are new, and bring the model into use if it is better.

    A run that was cut short, even by kill -9, goes on by itself when the command is given again.
    Exit codes: 0 done, or nothing to do; 11 refused, with the reasons; others are failures, and the
    same command tries again.

    \b
    Examples:
      commonspace pipeline run --config settings.yaml
      commonspace pipeline run --config settings.yaml --accept
      0 3 * * *  commonspace pipeline run --config /etc/commonspace/settings.yaml --json >> log
    """
    settings = configuration(config, overrides, workspace, print_config)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.pipeline.run import run_pipeline

        with progress() as observer:
            done = run_pipeline(settings, name=name, force=force, accept=accept, observer=observer)
        show(_as_dict(done), text=summary(done))
    if done.refused:
        raise typer.Exit(REFUSED)


@app.command()
def status(
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Show the latest run, step by step.

    \b
    Examples:
      commonspace pipeline status
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.pipeline.record import Records

        records = Records(settings.workspace)
        found, running = records.all(), records.running()
        if not found:
            show({"running": running, "run": None}, text="no pipeline has run here yet")
            return
        plain = found[0].model_dump(mode="json")
        show({"running": running, "run": plain}, text=status_page(found[0], running))


@app.command()
def history(
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """List all runs, the latest first.

    \b
    Examples:
      commonspace pipeline history
      commonspace pipeline history --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.pipeline.record import Records

        found = Records(settings.workspace).all()
        show(
            [record.model_dump(mode="json") for record in found],
            text=table(
                ("run", "started", "data", "outcome", "champion", "why"),
                [_row(record) for record in found],
            )
            if found
            else "no pipeline has run here yet: commonspace pipeline run",
        )


def summary(done: "Finished") -> str:
    """What a call came to, for the terminal."""
    from infra.pipeline.run import can_be_accepted

    record = done.record
    if done.nothing:
        return (
            f"nothing to do: data {record.data_digest} with these settings was run as "
            f"{record.name} and {record.outcome}, and the champion is still "
            f"{_version(record.champion_after)}\nlast time: {record.reason}"
        )
    lines = [*_compared(record)]
    if "verdict" in (drift := record.result("drift")):  # type: ignore[arg-type]
        lines.append(f"drift          {drift['verdict']}")
        if "page" in drift:  # not where there was nothing to compare
            lines.append(f"drift page     {drift['page']}")
    trained = record.result("train")  # type: ignore[arg-type]
    if trained:
        lines.append(f"model version  {trained['version']}")
        lines.append(f"MLflow run     {trained['mlflow_run_id']}")
    lines.append(f"{record.name} {record.outcome}: {record.reason}")
    if done.refused:
        ways = []
        if can_be_accepted(record):
            ways.append("commonspace pipeline run --accept")
        if "version" in trained:
            ways.append(f"commonspace models promote {trained['version']} --reason WHY")
        lines.append(
            f"the champion stays {_version(record.champion_after)}; look, and if it is right: "
            + ", or ".join(ways)
        )
    return "\n".join(lines)


def _compared(record: "Record") -> list[str]:
    """Candidate and champion on the test posts, a row a direction."""
    found = record.result("gate").get("compared", {}).get("test")  # type: ignore[arg-type]
    if not found:
        return []
    rows = [
        (
            each["direction"].replace("_to_", "→"),
            each["metric"].upper(),
            _interval(each["champion"]),
            _interval(each["candidate"]),
            _interval(each["difference"], "+"),
            each["queries"],
        )
        for each in found
    ]
    head = ("direction", "metric", "champion", "candidate", "difference", "queries")
    return ["Test posts, with 95 % intervals resampled by person", table(head, rows), ""]


def _interval(values: list[float], sign: str = "") -> str:
    value, low, high = values
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def status_page(record: "Record", running: bool) -> str:
    """What a run has done so far, for the terminal."""
    from infra.pipeline.record import Step

    rows = []
    for step in Step:
        done = record.steps.get(step)
        if done:
            found = _short(done.result, record.accepted)
            rows.append((str(step), done.finished, f"{done.seconds:.0f} s", found))
        else:
            under_way = running and step is record.next_step
            rows.append((str(step), "", "", "under way" if under_way else ""))
    if record.outcome:
        ended = f"{record.outcome}: {record.reason}"
    elif running:
        ended = "running"
    else:
        ended = "cut short; `commonspace pipeline run` goes on with it"
    head = f"{record.name}, data {record.data_digest}, begun {record.started}"
    return "\n".join([head, table(("step", "finished", "took", ""), rows), ended])


def _short(result: dict[str, Any], accepted: bool) -> str:
    from infra.pipeline.steps import REFUSED as REASONS

    if result.get(REASONS):
        verdict = "accepted" if accepted else "refused"
        return shorten(f"{verdict}: " + "; ".join(result[REASONS]), 100)
    for name in ("verdict", "reason"):
        if name in result:
            return shorten(str(result[name]), 100)
    plain = {k: v for k, v in result.items() if isinstance(v, str | int | float)}
    return shorten(", ".join(f"{name} {value}" for name, value in plain.items()), 100)


def _row(record: "Record") -> tuple[object, ...]:
    champion = f"{record.champion_before or '-'} → {record.champion_after or '-'}"
    return (
        record.name,
        record.started[:19].replace("T", " "),
        record.data_digest[:12],
        str(record.outcome or "cut short or running"),
        champion if record.outcome else "",
        shorten(record.reason, 80),
    )


def _version(version: int | None) -> str:
    return "none" if version is None else f"version {version}"


def _as_dict(done: "Finished") -> dict[str, Any]:
    plain = done.record.model_dump(mode="json")
    trained = plain["steps"].get("train", {}).get("result", {})
    return {
        "nothing_to_do": done.nothing,
        "refused": done.refused,
        "mlflow_run_id": trained.get("mlflow_run_id"),
        "model_version": trained.get("version"),
        **plain,
    }
