"""`commonspace demo`: the main job from end to end on the shipped posts."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import ConfigFile, Overrides, configuration
from infra.cli.output import results, shorten
from infra.cli.train import is_champion

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from recsys.recommend import Recommender
    from training.pipeline import TrainResult

PEOPLE, POSTS, SIMILAR = 3, 5, 3


def demo(
    config: ConfigFile = None,
    overrides: Overrides = None,
    folder: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Where all that it makes goes.")
    ] = Path("build/demo"),
) -> None:
    """Train on the shipped posts, index them, and recommend: every part real, none mocked.

    Writes summary.json into the folder; the workspace for further commands is beside it.

    \b
    Examples:
      commonspace demo
      commonspace demo --set data.posts=my-posts.parquet --to build/mine
    """
    begun = time.monotonic()
    settings = configuration(config, overrides, folder / "workspace")
    with results(as_json=False) as show:
        trained, answers = _run(settings)
        summary = _summary(trained, answers, time.monotonic() - begun)
        path = folder / "summary.json"
        path.write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")
        show(summary, text=_page(settings, trained, answers, path, summary["elapsed_s"]))


def _run(settings: "ProductConfig") -> "tuple[TrainResult, dict[str, Any]]":
    from infra.cli.progress import progress
    from infra.indexing import index_posts
    from infra.product import open_recommender, services
    from training.pipeline import train

    with services(settings), progress() as observer:
        trained = train(settings.run(), settings.workspace, observer=observer)
        index_posts(settings, model="champion", observer=observer)
    with open_recommender(settings, with_model=False) as recommender:
        return trained, _ask(recommender, trained)


def _ask(recommender: "Recommender", trained: "TrainResult") -> dict[str, Any]:
    """Recommendations and similar people for the people with most posts."""
    authors = trained.data.posts(["user_id"])["user_id"].value_counts().to_pylist()
    authors.sort(key=lambda entry: (-entry["counts"], entry["values"]))
    people = [entry["values"] for entry in authors[:PEOPLE]]
    return {
        "recommendations": {
            p: [asdict(r) for r in recommender.recommend(p, POSTS)] for p in people
        },
        "similar_users": {p: [asdict(s) for s in recommender.similar(p, SIMILAR)] for p in people},
    }


def _summary(trained: "TrainResult", answers: dict[str, Any], elapsed: float) -> dict[str, Any]:
    return {
        "elapsed_s": round(elapsed, 1),
        "mlflow_run_id": trained.mlflow_run_id,
        "model_version": trained.model_version,
        "champion": is_champion(trained),
        "validation_score": trained.validation,
        "retrieval": trained.retrieval,
        **answers,
        "quarantined": trained.quarantined,
    }


def _page(
    settings: "ProductConfig",
    trained: "TrainResult",
    answers: dict[str, Any],
    path: Path,
    elapsed: float,
) -> str:
    from rich.console import Console

    from training.evaluation.report import comparison_table

    console = Console(width=110, force_terminal=False)
    with console.capture() as capture:
        title = "Retrieval on posts that were held out (higher is better)"
        console.print(comparison_table(trained.retrieval, title=title))
    lines = ["", capture.get().rstrip(), ""]
    for person, found in answers["recommendations"].items():
        lines.append(f"For {person}:")
        for number, post in enumerate(found, start=1):
            title = f"“{shorten(post['title'], 50)}” by {post['author']}"
            lines.append(f"  {number}. {title}  {post['score']:.2f}")
            lines.append(f"     {_why(post)}")
        lines.append("  people like them:")
        for user in answers["similar_users"][person]:
            lines.append(f"     {user['user_id']}  {user['score']:.2f}  {_why(user)}")
        lines.append("")
    lines += _next_steps(settings, trained, answers, path)
    lines.append(f"Done in {elapsed:.0f} s.")
    return "\n".join(lines)


def _why(answer: dict[str, Any]) -> str:
    texts = [reason["text"] for reason in answer["reasons"] if reason["contribution"] >= 0]
    return shorten("; ".join(texts), 96)


def _next_steps(
    settings: "ProductConfig", trained: "TrainResult", answers: dict[str, Any], path: Path
) -> list[str]:
    person = next(iter(answers["recommendations"]))
    space = f"--workspace {settings.workspace}"
    return [
        f"Model version {trained.model_version}: {trained.decision.reason}.",
        f"Pictures: {trained.run_folder / 'plots'}   Summary: {path}",
        "",
        "Go on with:",
        f"  commonspace recommend {person} {space}",
        f"  commonspace similar {person} {space}",
        f'  commonspace search --text "a red bird" --for images {space}',
        f"  commonspace models list {space}",
        f"  mlflow ui --backend-store-uri sqlite:///{settings.workspace / 'mlflow.db'}",
        "",
    ]
