"""`commonspace train`."""

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
from infra.cli.output import rendered, results
from training.errors import BadConfig

if TYPE_CHECKING:
    from training.assessment import Retrieval
    from training.pipeline import TrainResult


def train(
    config: ConfigFile = None,
    overrides: Overrides = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the run; from the time if none.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the named run after a crash.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="Begin the named run anew, whatever it holds.")
    ] = False,
    workspace: Workspace = None,
    print_config: PrintConfig = False,
    as_json: AsJson = False,
) -> None:
    """Train a joint space, track it and register it.

    The gate makes it the champion if it beats the present one. Without settings it trains on the
    shipped sample.

    \b
    Examples:
      commonspace train
      commonspace train --set data.posts=posts.parquet --set loop.epochs=10
      commonspace train --print-config > run.yaml
      commonspace train --config run.yaml --name first
      commonspace train --config run.yaml --name first --resume
    """
    settings = configuration(config, overrides, workspace, print_config)
    if resume and new:
        raise BadConfig("--resume goes on with a run and --new deletes it: choose one")
    if (resume or new) and not name:
        raise BadConfig("--resume and --new need --name, the run that they mean")
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.product import services
        from training.data.read import require_places
        from training.pipeline import train

        if not resume:
            require_places(settings.data)
        with services(settings), progress() as observer:
            done = train(
                settings.run(),
                settings.workspace,
                name=name,
                resume=resume,
                new=new,
                observer=observer,
            )
        show(_as_dict(done), text=_report(done))


def retrieval_table(retrieval: "Retrieval", title: str) -> str:
    """Models by directions, for the terminal."""
    from training.evaluation.report import comparison_table

    return rendered(comparison_table(retrieval, title=title))


def is_champion(done: "TrainResult") -> bool:
    """Whether the run's model is: by this decision, or by one before the run was cut short."""
    return done.decision.promoted or done.decision.champion == done.model_version


def _report(done: "TrainResult") -> str:
    verdict = "champion now" if is_champion(done) else "not champion"
    forgotten = done.data.manifest.report.forgotten
    left_out = ", ".join(f"{rows} {table}" for table, rows in forgotten.items())
    return "\n".join(
        [
            retrieval_table(done.retrieval, "Retrieval on the test posts"),
            "",
            f"run            {done.run_name} in {done.run_folder}",
            f"MLflow run     {done.mlflow_run_id}",
            f"model version  {done.model_version}: {verdict}, {done.decision.reason}",
            *(
                [f"left out       {left_out} of people and posts that were forgotten"]
                * bool(left_out)
            ),
        ]
    )


def _as_dict(done: "TrainResult") -> dict[str, Any]:
    return {
        "run_name": done.run_name,
        "run_folder": str(done.run_folder),
        "mlflow_run_id": done.mlflow_run_id,
        "model_version": done.model_version,
        "promoted": is_champion(done),
        "reason": done.decision.reason,
        "validation": done.validation,
        "retrieval": done.retrieval,
        "data_digest": done.data.manifest.digest,
        "quarantined": done.quarantined,
        "forgotten": done.data.manifest.report.forgotten,
    }
