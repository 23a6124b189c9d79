"""`commonspace communities`: groups of people, found from their embeddings alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results, shorten
from training.errors import BadConfig

if TYPE_CHECKING:
    from training.communities.communities import Communities, Community
    from training.communities.written import Written

PEOPLE, POSTS, TEXT_WIDTH = 5, 3, 40

Model = Annotated[
    str,
    typer.Option("--model", metavar="MODEL", help="Version or alias of a model, or a run."),
]


def communities(
    model: Model = "champion",
    method: Annotated[
        str, typer.Option("--method", help="louvain on the graph of neighbours, or hdbscan.")
    ] = "louvain",
    level: Annotated[
        float | None,
        typer.Option("--level", help="Of detail; if none, what resampled people agree on most."),
    ] = None,
    least: Annotated[
        int, typer.Option("--least", min=2, help="People a community has at least.")
    ] = 3,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the search and the map.")] = 0,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="For communities.json, map.html, map.png, map.json; else the run's.",
        ),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Find communities, name them, and draw the map of people and posts.

    From embeddings alone: no follower links, no categories. Each is named by the words that its
    people use and others don't. The map is also logged to the model's MLflow run, where the web
    page finds it; it shows posts and names of people.

    \b
    Examples:
      commonspace communities
      commonspace communities --model 3 --method hdbscan --to build/groups
      commonspace communities --level 4 --json
    """
    if level is not None and level <= 0:
        raise BadConfig(f"--level {level:g} is not above 0")
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.product import open_tracking, services
        from training.communities.communities import find_communities
        from training.communities.find import methods
        from training.communities.written import (
            communities_document,
            log_communities,
            write_communities,
        )
        from training.report.run_record import find_run
        from training.surveyed import survey_model
        from training.tracking.run import TrackedRun

        methods[method]  # before Ray starts: a wrong name is told at once
        tracking = open_tracking(settings)
        record = find_run(tracking, model)
        with services(settings), progress() as observer:
            survey = survey_model(tracking, record, observer)
            observer.stage("Finding communities")
            found = find_communities(
                survey.landscape,
                survey.materials,
                method=method,
                level=level,
                least=least,
                seed=seed,
            )
            observer.stage("Drawing the map")
            facts = {"model": survey.title, "run_name": record.name, "mlflow_run_id": record.run_id}
            written = write_communities(
                found,
                survey.landscape,
                survey.materials,
                to or tracking.workspace / "runs" / record.name / "communities",
                title=f"Communities of {survey.title}",
                facts=facts,
                seed=seed,
            )
            log_communities(TrackedRun(tracking, record.run_id), found, written)
        show(
            {**facts, **communities_document(found), "files": _files(written)},
            text=_page(found, written, record.run_id),
        )


def _files(written: "Written") -> dict[str, str]:
    return {
        "json": str(written.json),
        "map_html": str(written.page),
        "map_png": str(written.picture),
        "map_json": str(written.map),
    }


def _page(found: "Communities", written: "Written", run_id: str) -> str:
    grouping = found.grouping
    grouped = sum(community.size for community in found.communities)
    lines = [
        f"{len(found.communities)} communities of {grouped} people; {len(found.outside)} people "
        f"are in none, {len(found.without_place)} have no place in the space",
        f"stability (adjusted Rand): {grouping.seeds:.2f} over seeds, "
        f"{grouping.resamples.rand:.2f} over resampled people; {grouping.method}, level "
        f"{grouping.level:g}",
        "",
    ]
    for community in found.communities:
        lines += [*_community(community), ""]
    return "\n".join(
        [*lines, f"map: {written.page}, {written.picture}; also in MLflow run {run_id}"]
    )


def _community(community: "Community") -> list[str]:
    more = len(community.people) - PEOPLE
    people = ", ".join(community.people[:PEOPLE]) + (f" and {more} more" if more > 0 else "")
    posts = [
        f"“{shorten(post.text or 'without text', TEXT_WIDTH)}” by {post.author}"
        for post in community.posts[:POSTS]
    ]
    also = community.words[community.name.count(", ") + 1 :]
    lines = [
        f"{community.number:>3}. {community.name}: {community.size} people, "
        f"tightness {community.tightness:.2f}, found again {community.stability:.2f}"
    ]
    if also:
        lines.append(f"     also    {', '.join(also)}")
    lines.append(f"     people  {people}")
    return [*lines, f"     posts   {'; '.join(posts)}"] if posts else lines
