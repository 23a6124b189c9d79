"""`commonspace evaluate`: how good a model is, and how good the recommender."""

import tempfile
from pathlib import Path
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
from infra.cli.output import note, rendered, results
from infra.cli.train import retrieval_table
from training.errors import BadConfig

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from recsys.evaluation.config import EvaluationConfig
    from training.observer import Observer

app = typer.Typer(name="evaluate")
WIDTH = 130


@app.callback(invoke_without_command=True)
def evaluate(
    context: typer.Context,
    model: Annotated[
        str, typer.Option("--model", help="Version, alias, or folder of a saved space.")
    ] = "champion",
    split: Annotated[
        str, typer.Option("--split", help="validation to choose by, test to report.")
    ] = "test",
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    print_config: PrintConfig = False,
    as_json: AsJson = False,
) -> None:
    """Measure a model's retrieval on held-out posts; or, by its command, the recommender.

    Beside the model stand the unimodal baselines on the same posts.

    \b
    Examples:
      commonspace evaluate
      commonspace evaluate --model 3 --split validation
      commonspace evaluate --config run.yaml --json
      commonspace evaluate recommender --help
    """
    if context.invoked_subcommand is not None:
        return
    settings = configuration(config, overrides, workspace, print_config)
    if split not in ("validation", "test"):
        raise BadConfig(f"split {split!r} is neither validation nor test")
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.product import services
        from training.pipeline import evaluate

        with services(settings), progress() as observer:
            retrieval = evaluate(
                settings.run(), settings.workspace, model=model, split=split, observer=observer
            )
        show(
            {"model": model, "split": split, "retrieval": retrieval},
            text=retrieval_table(retrieval, f"Model {model} on the {split} posts"),
        )


@app.command()
def recommender(
    place: Annotated[
        str,
        typer.Option("--data", metavar="PATH", help="Folder or URI with posts and reactions."),
    ],
    splits: Annotated[
        list[str] | None,
        typer.Option(
            "--split",
            metavar="NAME",
            help="temporal, last_of_each or own_posts. Repeatable; what fits the data if none.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of models and draws.")] = 0,
    people: Annotated[
        int | None,
        typer.Option("--people", min=10, help="Ask for so many drawn people only; all if none."),
    ] = None,
    curve: Annotated[
        bool, typer.Option("--curve/--no-curve", help="Measure what diversity costs.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option("--json", metavar="OUT", help="Also write the report to this file."),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Also draw it into this folder.")
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
) -> None:
    """Compare the recommender with the usual baselines on what it did not see.

    Held out are everything after a date (`temporal`), the last fifth of each person's likes
    (`last_of_each`), or a fifth of each person's own posts (`own_posts`, where there are no
    reactions). All contenders are fitted on the rest and measured by the same rules; the report
    says what each is worth and how sure that is. Needs the extra `evaluation`.

    \b
    Examples:
      commonspace evaluate recommender --data my-network/
      commonspace evaluate recommender --data my-network/ --json report.json --plots figures
      commonspace evaluate recommender --data films --split last_of_each \\
        --set recommend.diversity.per_author=1000
    """
    from recsys.evaluation.config import EvaluationConfig

    settings = configuration(config, overrides, workspace)
    chosen = EvaluationConfig.parse({"splits": list(splits or ()), "seed": seed, "people": people})
    with results(as_json=False) as show:
        from infra.cli.progress import progress
        from infra.product import services
        from recsys.evaluation.tables import report_tables

        with services(settings), progress() as observer:
            outcome = compare(place, settings, chosen, observer, curve=curve)
        if out is not None:
            _write(outcome, out)
        if plots is not None:
            from recsys.evaluation.plots import report_plots

            for path in report_plots(outcome, plots):
                note(f"wrote {path}")
        show(outcome, text=rendered(report_tables(outcome), width=WIDTH))


def compare(
    place: str,
    settings: "ProductConfig",
    chosen: "EvaluationConfig",
    observer: "Observer",
    *,
    curve: bool,
) -> dict[str, Any]:
    """Read, encode, and evaluate the configured recommender; see `evaluate_recommender`.

    Args:
        place: folder or URI of the data.
        settings: of the product.
        chosen: of the evaluation.
        observer: sees the progress.
        curve: whether to measure what diversity costs.
    """
    from infra.cli.reactions import materials
    from recsys.evaluation.metrics.accuracy import require
    from recsys.evaluation.network import read_network
    from recsys.evaluation.recommender import evaluate_recommender
    from training.benchmark.recipe import Recipe
    from training.reactions.config import ReactionConfig

    require()  # now, and not after an hour of encoding
    data, features = materials(place, settings, observer)
    with tempfile.TemporaryDirectory(prefix="commonspace-evaluate-") as folder:
        return evaluate_recommender(
            read_network(data, features),
            Path(folder),
            settings.recommend,
            Recipe(model=settings.model, losses=settings.losses, loop=settings.loop),
            chosen,
            ReactionConfig(history=settings.history),
            observer,
            curve=curve,
        ) | {"place": place, "digest": data.manifest.digest}


def _write(outcome: dict[str, Any], path: Path) -> None:
    import json

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadConfig(f"{path} can't be written: {error}", hint="give another file") from None
    note(f"wrote {path}")
