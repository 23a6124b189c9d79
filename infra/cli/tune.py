"""`commonspace tune`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results, shorten, table
from training.errors import BadConfig

if TYPE_CHECKING:
    from training.search.run import SearchResult


def tune(
    config: ConfigFile = None,
    overrides: Overrides = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            "--space",
            metavar="FIELD=DISTRIBUTION|FILE",
            help="What to search, or a YAML file of that. Repeatable; a default space if none.",
        ),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", help="Draws from the space.")] = 16,
    grace: Annotated[int, typer.Option("--grace", help="Epochs that each trial gets.")] = 3,
    reduction: Annotated[
        float, typer.Option("--reduction", help="Of every so many trials, one goes on.")
    ] = 3,
    parallel: Annotated[
        int, typer.Option("--parallel", help="Trials at a time; 0: as many as there is room for.")
    ] = 0,
    cpus: Annotated[float, typer.Option("--cpus-per-trial")] = 1,
    gpus: Annotated[
        float, typer.Option("--gpus-per-trial", help="A fraction lets trials share one.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the search; from the time if none.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the named search after a kill.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="Begin the named search anew, whatever it holds.")
    ] = False,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Search for better settings: many short trainings, the bad ones stopped early (ASHA).

    Trials are compared by their best validation score; test posts are not looked at. The first
    trial is the configuration as it is. The best one is written as YAML for `train --config`.

    \b
    Distributions, both ends included: uniform(0, 1), loguniform(1e-4, 1e-2), randint(1, 9),
    choice(64, 128), grid(a, b); grids are combined in all ways.

    \b
    Examples:
      commonspace tune
      commonspace tune --space 'loop.learning_rate=loguniform(1e-3, 1e-2)' --trials 30
      commonspace tune --space space.yaml --set loop.epochs=30 --name wide
      commonspace tune --resume --name wide
      commonspace train --config build/workspace/searches/wide/best.yaml
    """
    if resume and new:
        raise BadConfig("--resume goes on with a search and --new deletes it: choose one")
    if (resume or new) and not name:
        raise BadConfig("--resume and --new need --name, the search that they mean")
    product = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.product import services
        from training.data.read import require_places
        from training.search.config import SearchConfig
        from training.search.run import search
        from training.search.space import parse_space, read_space

        settings = SearchConfig.parse(
            {
                "trials": trials,
                "grace": grace,
                "reduction": reduction,
                "parallel": parallel,
                "cpus_per_trial": cpus,
                "gpus_per_trial": gpus,
                "seed": seed,
            }
        )
        entries = read_space(space or ())
        if entries:
            parse_space(entries, product.run())  # a bad space is told before Ray starts
        if not resume:
            require_places(product.data)
        with services(product), progress() as observer:
            done = search(
                product.run(),
                entries,
                settings,
                product.workspace,
                name=name,
                resume=resume,
                new=new,
                observer=observer,
            )
        show(_as_dict(done), text=_report(done))


def _report(done: "SearchResult") -> str:
    fields = [each.field for each in done.space]
    rows = [
        [
            outcome.number,
            outcome.best if outcome.scores else None,
            f"{outcome.best_epoch} of {len(outcome.scores)}",
            outcome.ending,
            *(shorten(str(outcome.values.get(field, "as it is")), 12) for field in fields),
        ]
        for outcome in done.outcomes
    ]
    header = ["trial", "score", "best epoch", "ending", *(f.rsplit(".", 1)[-1] for f in fields)]
    return "\n".join(
        [
            table(header, rows),
            "",
            f"search         {done.name} in {done.folder}",
            f"MLflow run     {done.mlflow_run_id}, a nested run a trial",
            f"picture        {done.folder / 'trials.png'}",
            f"best           trial {done.best.number}, validation score {done.best.best:.4f}",
            f"train it with  commonspace train --config {done.best_config}",
        ]
    )


def _as_dict(done: "SearchResult") -> dict[str, Any]:
    return {
        "name": done.name,
        "folder": str(done.folder),
        "mlflow_run_id": done.mlflow_run_id,
        "best_config": str(done.best_config),
        "best": {
            "trial": done.best.number,
            "score": done.best.best,
            "epoch": done.best.best_epoch,
            "values": done.best.values,
        },
        "trials": [
            {
                "trial": outcome.number,
                "score": outcome.best if outcome.scores else None,
                "epochs": len(outcome.scores),
                "ending": outcome.ending,
                "values": outcome.values,
                "error": outcome.error,
                "mlflow_run_id": outcome.mlflow_run_id,
            }
            for outcome in done.outcomes
        ],
        "not_repeated": done.repeated,
    }
