"""`commonspace reactions`: who reacts to what: measure, train, convert."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import note, results, table

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from training.data.clean import CleanData
    from training.features import FeatureTable
    from training.observer import Observer

app = typer.Typer(name="reactions", help="Who reacts to what.", no_args_is_help=True)

Place = Annotated[
    str, typer.Option("--data", metavar="PATH", help="Folder or URI with posts and reactions.")
]


@app.command()
def benchmark(
    place: Place,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many.")] = 3,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="For reactions.json, reactions.md and a plot."),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Rank held-out likes with our model and with the usual baselines.

    Random, popularity, item-kNN, BPR, ALS and EASE, and as controls EASE with recency and content
    alone, all tuned on validation like ours; needs the extra `bench`. Figures are means over the
    seeds.

    \b
    Examples:
      commonspace reactions benchmark --data my-network/
      commonspace reactions benchmark --data my-network/ --seeds 5 --out figures --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.product import services
        from training.reactions.benchmark import benchmark_reactions
        from training.reactions.config import ReactionConfig
        from training.reactions.document import write

        with services(settings), progress() as observer:
            data, features = materials(place, settings, observer)
            outcome = benchmark_reactions(
                data,
                features,
                range(seeds),
                observer,
                config=ReactionConfig(history=settings.history),
                plots=out,
            )
        if out is not None:
            write(outcome | {"command": shlex.join(["commonspace", *sys.argv[1:]])}, out)
        show(outcome, text=_page(outcome))


@app.command()
def train(
    place: Place,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="For the model.")],
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Learn a space of reactions and the probability of each kind.

    \b
    Examples:
      commonspace reactions train --data my-network/ --to build/reactions
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.product import services
        from training.reactions.config import ReactionConfig
        from training.reactions.events import read_events
        from training.reactions.model import train_reactions

        with services(settings), progress() as observer:
            data, features = materials(place, settings, observer)
            events = read_events(data.reactions(), features.post_ids.tolist())
            authors = features.user_ids.tolist()
            chosen = ReactionConfig(history=settings.history)
            model = train_reactions(events, authors, features.posts, chosen, seed, observer)
            model.save(to)
        done = {
            "model": str(to),
            "posts": len(model.space.post_ids),
            "dimension": model.space.dimension,
            "kinds": {name: kind.question.value for name, kind in model.kinds.items()},
        }
        kinds = ", ".join(f"{name} ({asked})" for name, asked in done["kinds"].items()) or "none"
        show(done, text=f"{to}: {done['posts']} posts; probabilities: {kinds}")


@app.command()
def movielens(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="With movies.csv and ratings.csv.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="For posts and reactions.")],
    as_json: AsJson = False,
) -> None:
    """Turn a folder of MovieLens into posts and reactions.

    Films become posts of title and genres, ratings become reactions of kind `rate`. MovieLens has
    a licence of its own (see its README): use it for research, don't pass it on.

    \b
    Examples:
      commonspace reactions movielens ml-latest-small --to films
      commonspace reactions benchmark --data films
    """
    with results(as_json) as show:
        from training.reactions.movielens import convert

        note("MovieLens is for research and may not be passed on; see its README.")
        counts = convert(folder, to)
        show(
            {"folder": str(to), **counts},
            text=f"{to}: {counts['posts']} posts, {counts['reactions']} reactions",
        )


def materials(
    place: str, settings: "ProductConfig", observer: "Observer"
) -> "tuple[CleanData, FeatureTable]":
    """Clean data and the features of what it holds."""
    from training.data.discover import discover
    from training.data.prepare import prepare
    from training.features import compute_features

    observer.stage("Reading and checking posts and reactions")
    source = discover(place, settings.data)
    data = prepare(source, settings.split, settings.workspace, progress=observer.advance)
    observer.stage("Encoding images and texts")
    pictures = data.posts(["image_hash"])["image_hash"]
    image = settings.image_encoder if pictures.null_count < len(pictures) else None
    cache = settings.workspace / "features"
    progress = observer.advance
    return data, compute_features(data, image, settings.text_encoder, cache, progress=progress)


def _page(outcome: dict[str, Any]) -> str:
    parts = []
    for protocol, slices in outcome["protocols"].items():
        for part, models in slices.items():
            metrics = list(next(iter(models.values())))
            people = next(iter(next(iter(models.values())).values()))["n"]
            rows = [
                (model, *(f"{cells[m]['mean']:.4f} ± {cells[m]['std']:.4f}" for m in metrics))
                for model, cells in models.items()
            ]
            title = f"{protocol}, {part} ({people} people)"
            parts.append(f"{title}\n{table(('model', *metrics), rows)}")
    for claim in outcome["claims"]:
        verdict = "met" if claim["met"] else "NOT met"
        figures = f"{claim['value']:.4f} against {claim['target']:.4f}"
        parts.append(f"{verdict}: {claim['claim']}: {figures}\n  {claim['detail']}")
    for name, each in outcome["calibration"].items():
        parts.append(
            f"probability of {name} ({each['question']}): calibration error {each['ece']:.4f}, "
            f"of the score alone {each['ece_score_alone']:.4f}, {each['n']} cases"
        )
    return "\n\n".join(parts)
