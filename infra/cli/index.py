"""`commonspace index`: put a model's embeddings of all posts and people into use, and keep them."""

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
from infra.cli.output import note, results, table

if TYPE_CHECKING:
    from infra.index_upkeep import Kept, Verified
    from infra.product import ProductConfig
    from recsys.index import IndexReport
    from recsys.versions import Version

_SHOWN = 5
"""Ids that are printed of each kind of difference."""

app = typer.Typer(name="index", invoke_without_command=True)


@app.callback()
def index(
    context: typer.Context,
    model: Annotated[
        str, typer.Option("--model", help="Registered version or alias.")
    ] = "champion",
    from_database: Annotated[
        bool,
        typer.Option("--from-database", help="Read no data: all that is known is in the database."),
    ] = False,
    anew: Annotated[
        bool, typer.Option("--new", help="Begin anew, though a build was cut short before.")
    ] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    print_config: PrintConfig = False,
    as_json: AsJson = False,
) -> None:
    """Put a model's embeddings of everything into use.

    All public posts and people are embedded with the model. Readers keep the old version until the
    new one is complete and counted. A build that was cut short goes on where it stopped.

    \b
    Examples:
      commonspace index
      commonspace index --model 3 --set index.uri=http://milvus:19530
      commonspace index --set index.rows_per_s=500
      commonspace index --from-database
      commonspace index verify --repair
      commonspace index rollback
    """
    if context.invoked_subcommand is not None:
        return
    settings = configuration(config, overrides, workspace, print_config)
    _build(settings, model, from_database, anew, as_json)


def _build(
    settings: "ProductConfig", model: str, from_database: bool, anew: bool, as_json: bool
) -> None:
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.indexing import index_posts
        from infra.product import services

        with services(settings), progress() as observer:
            report = index_posts(
                settings,
                model=model,
                from_database=from_database,
                resume=not anew,
                observer=observer,
            )
        show(_as_dict(report), text=_page(report))


@app.command()
def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what differs, by the model of that version.")
    ] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Hold the live index against the event database, which is the truth.

    Ends with 0 if they agree or were made to, with 1 if they differ. A running `commonspace serve`
    repairs its index itself.

    \b
    Examples:
      commonspace index verify
      commonspace index verify --repair --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.index_upkeep import verify_index

        with progress() as observer:
            found = verify_index(settings, repair=repair, observer=observer)
        show(found.as_dict(), text=_verdict(found))
    if not found.clean:
        raise typer.Exit(1)


@app.command()
def versions(
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """List the complete versions of the index, the newest first.

    \b
    Examples:
      commonspace index versions
      commonspace index versions --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.index_upkeep import kept_versions

        kept = kept_versions(settings)
        show([one.as_dict() for one in kept], text=_listed(kept))


@app.command()
def rollback(
    build: Annotated[
        int | None,
        typer.Argument(metavar="BUILD", help="Which; the newest before the live one if none."),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Put an older version of the index into use again.

    It lacks what was written since it was replaced: `commonspace index verify --repair` brings that
    in, and so does a running service within seconds. A service follows the champion: where the
    version is of another model, promote that one, too.

    \b
    Examples:
      commonspace index rollback
      commonspace index rollback 3
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.index_upkeep import opened_store

        with opened_store(settings) as store:
            version = store.rollback(build)
        show(_named(version), text=f"{version} is live")
    note("what was written since may be missing: `commonspace index verify --repair`")


@app.command()
def drop(
    build: Annotated[int, typer.Argument(metavar="BUILD", help="As `versions` shows it.")],
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Drop a version of the index that is not in use, for good.

    Builds do so by themselves: index.keep_versions and index.keep_days say what is kept.

    \b
    Examples:
      commonspace index drop 2
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.index_upkeep import opened_store

        with opened_store(settings) as store:
            version = store.drop(build)
        show(_named(version), text=f"{version} is gone")


def _named(version: "Version") -> dict[str, Any]:
    return {"build": version.build, "model_version": version.model}


def _page(report: "IndexReport") -> str:
    counts = table(("indexed", "rows"), [(str(name), n) for name, n in report.counts.items()])
    facts = f"{report.version} is live after {report.seconds:.1f} s"
    left_out = f"left out: {report.private} private posts, {report.unplaced} people without a place"
    lines = [counts, "", facts, left_out]
    if report.resumed:
        lines.append(f"went on with a build that was cut short: {report.resumed} were there")
    if report.newcomers:
        lines.append(f"placed by their profile alone: {report.newcomers} people")
    if report.changed:
        lines.append(f"changed meanwhile and brought in: {report.changed}")
    return "\n".join(lines)


def _as_dict(report: "IndexReport") -> dict[str, Any]:
    return {
        **_named(report.version),
        "counts": {str(target): count for target, count in report.counts.items()},
        "private": report.private,
        "absent": report.absent,
        "unplaced": report.unplaced,
        "newcomers": report.newcomers,
        "resumed": report.resumed,
        "changed": report.changed,
        "seconds": report.seconds,
    }


def _verdict(found: "Verified") -> str:
    rows = [(name, len(ids), ", ".join(ids[:_SHOWN])) for name, ids in found.differences.items()]
    lines = [table(("difference", "count", "for example"), rows), ""]
    if found.repaired:
        lines.append(f"repaired: {found.repaired}")
    lines += found.after.faults
    if not found.after.marked:
        lines.append("it is of an older release and was compared by ids alone: index again")
    agree = "agrees with" if found.clean else "differs from"
    lines.append(f"{found.after.version} {agree} the event database")
    return "\n".join(lines)


def _listed(kept: "list[Kept]") -> str:
    rows = [
        (
            one.version.build,
            one.version.model,
            "live" if one.live else "",
            one.made.isoformat(sep=" ", timespec="seconds") if one.made else "",
            one.posts,
        )
        for one in kept
    ]
    return table(("build", "model", "", "begun", "posts"), rows)
