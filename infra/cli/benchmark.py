"""`commonspace benchmark`: every model on one split, and what may be claimed of ours."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.options import ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from training.benchmark.document import Document


def benchmark(
    data: Annotated[
        str, typer.Option("--data", metavar="PATH", help="Posts, or a folder with tables.")
    ] = "sample",
    reactions: Annotated[
        str | None,
        typer.Option(
            "--reactions", metavar="PATH", help="A data set with reactions, for their own part."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings of each model.")] = 3,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Also write the JSON here.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="DIR", help="For quality.json, quality.md and plots; workspace if none."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Without ablations and degradation curves.")
    ] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
) -> None:
    """Measure the joint space against its baselines, and check every claim.

    Works on any posts in our format. Interrupted, it goes on where it stopped. Tables are logged to
    MLflow.

    \b
    Examples:
      commonspace benchmark
      commonspace benchmark --data my-network/ --seeds 5 --to figures
      commonspace benchmark --quick --json quality.json
      commonspace benchmark --reactions films/
    """
    settings = configuration(config, overrides, workspace)
    folder = to or settings.workspace / "benchmark" / "figures"
    with results(as_json=False) as show:
        from infra.cli.progress import progress
        from infra.product import open_tracking, services
        from training.benchmark.run import Request, benchmark
        from training.benchmark.written import log, write_json
        from training.data.read import require_places
        from training.run_folder import fresh_name

        request = Request(
            config=_on(settings, data).run(),
            seeds=tuple(range(seeds)),
            quick=quick,
            reactions=_on(settings, reactions).run() if reactions else None,
            command=shlex.join(["commonspace", *sys.argv[1:]]),
        )
        for each in filter(None, (request.config, request.reactions)):
            require_places(each.data)
        with services(settings), progress() as observer:
            whole = benchmark(request, settings.workspace, folder, observer)
            observer.stage("Logging to MLflow")
            runs = settings.workspace / "benchmark" / "runs" / fresh_name()
            run_id = log(whole, folder, request.config, open_tracking(settings), runs)
        if json_file is not None:
            write_json(whole, json_file)
        show({}, text=_report(whole, folder, run_id))


def _on(settings: "ProductConfig", place: str) -> "ProductConfig":
    from training.data.discover import discover

    return settings.model_copy(update={"data": discover(place, settings.data)})


def _report(whole: "Document", folder: Path, run_id: str) -> str:
    from infra.cli.output import rendered, table
    from training.benchmark.document import data_sets
    from training.evaluation.report import comparison_table

    parts = []
    for name, models in data_sets(whole).items():
        means = {
            model: {d: {m: c["mean"] for m, c in each.items()} for d, each in cells.items()}
            for model, cells in models.items()
        }
        known = {metric for cells in means.values() for each in cells.values() for metric in each}
        metric = None if "map" in known else "ndcg@10"  # rankings of reactions have no MAP
        parts += [rendered(comparison_table(means, metric=metric, title=name)), ""]
    verdict = {True: "met", False: "NOT met", None: ""}
    rows = [
        (claim["claim"], claim["value"], claim["target"], verdict[claim["met"]])
        for claim in whole["claims"]
    ]
    parts += [table(["claim", "value", "target", ""], rows), ""]
    parts += [f"left out: {name}: {why}" for name, why in whole["claims_left_out"].items()]
    parts += [f"figures in {folder}, and in MLflow run {run_id}"]
    return "\n".join(parts)
