"""`commonspace report`: one page about a run."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results


def report(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="Name of a run, MLflow run id, or version or alias of a model."
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="The HTML file; in the run's folder if none."),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Write one self-contained HTML page about a run.

    Figures with intervals, curves, the map, examples with pictures and the worst failures, slices,
    data and lineage. The page is also logged to the MLflow run. It shows posts and names of people.

    \b
    Examples:
      commonspace report champion
      commonspace report first --to first.html
      commonspace report 3 --to build/report.html --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.product import open_tracking, services
        from training.report.run_record import find_run
        from training.report.write import write_report

        tracking = open_tracking(settings)
        record = find_run(tracking, run)  # before Ray starts: a wrong name is told at once
        with services(settings), progress() as observer:
            done = write_report(tracking, record, to, observer)
        show(
            {
                "run_name": done.run_name,
                "mlflow_run_id": done.run_id,
                "path": str(done.path),
                "bytes": done.bytes,
            },
            text=f"report on {done.run_name}: {done.path} ({done.bytes / 1e6:.1f} MB), "
            f"and in MLflow run {done.run_id}",
        )
