"""`commonspace events`: files into the event database and out of it, and what it holds."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import note, results, table
from training.errors import BadConfig, BadData

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from recsys.events.ingesting import Ingested
    from recsys.events.rows import TableName
    from recsys.events.stats import Stats
    from training.data.config import DataConfig

app = typer.Typer(
    name="events",
    help="Posts, reactions, people and boundaries in the event database.",
    no_args_is_help=True,
)


@app.command("import")
def import_files(
    places: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files, folders or URIs of them.")
    ],
    kind: Annotated[
        str | None,
        typer.Option("--as", metavar="TABLE", help="What they hold; their columns tell if none."),
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", metavar="DIR", help="For bad rows; in the workspace if none."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="From the first row, even if an import was cut.")
    ] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Bring posts, reactions, users or boundaries into the event database.

    CSV, JSON lines or Parquet. What is acknowledged is on disk. An import that was cut goes on
    where it was when you start it again; one that is repeated changes nothing. Bad rows are put
    aside one by one and named. Exit code 3 if no row of a file is good. `commonspace index` brings
    new posts into the index; a running service does so by itself.

    \b
    Examples:
      commonspace events import posts.csv likes.parquet
      commonspace events import export/ --set events.url=postgresql+psycopg://me@host/events
      commonspace events import s3://bucket/likes.jsonl --as reactions --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from recsys.events.database import Events
        from recsys.events.files import find_sources
        from recsys.events.ingesting import ingest
        from recsys.events.rejects import FOLDER

        sources = find_sources(places, _table(kind))
        aside = quarantine or settings.workspace / FOLDER
        with Events(settings.events, settings.workspace) as events, progress() as observer:
            done = []
            for source in sources:
                observer.stage(f"Importing {source.file} as {source.table}")
                rules = _rules(settings)
                advance = observer.advance
                done.append(ingest(source, events, rules, aside, again=again, progress=advance))
        show([_as_dict(one) for one in done], text=_page(done))
        for one in done:
            if one.rejected and not one.rejected < one.rows + one.skipped:
                raise BadData(f"no row of {one.file} is good", hint=f"see {one.quarantine}")


@app.command()
def export(
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="New or empty.")],
    format: Annotated[
        str, typer.Option("--format", metavar="csv|parquet", help="Of the files.")
    ] = "parquet",
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Write all posts, users, reactions and boundaries to files that import reads.

    They are of one moment, whoever writes meanwhile. Hashes of what was deleted go along, so that
    it stays deleted where the files are imported. The files hold private posts: keep them so.

    \b
    Examples:
      commonspace events export --to backup/
      commonspace events export --to backup/ --format csv
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from recsys.events.database import Events
        from recsys.events.exporting import export as write

        if format not in ("csv", "parquet"):
            raise BadConfig(f"--format must be csv or parquet, not {format!r:.40}")
        with Events(settings.events, settings.workspace) as events, progress() as observer:
            observer.stage(f"Exporting to {to}")
            done = write(events, to, format, observer.advance)
        rows = {str(name): count for name, count in done.rows.items()}
        result = {"folder": str(done.folder), "rows": rows, "pictures": done.pictures}
        show(result, text=table(("table", "rows"), list(rows.items())))


@app.command()
def stats(
    verify: Annotated[
        bool, typer.Option("--verify", help="Also count all reactions, and compare the tallies.")
    ] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Say what the event database holds. With --verify, exit code 3 if a tally is wrong.

    \b
    Examples:
      commonspace events stats
      commonspace events stats --verify --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from recsys.events.database import Events

        with Events(settings.events, settings.workspace) as events:
            found = events.stats()
            wrong = events.tallies.wrong() if verify else []
        result = _stats_as_dict(found) | ({"wrong_tallies": len(wrong)} if verify else {})
        show(result, text=_stats_page(result))
        if wrong:
            raise BadData(
                f"the tallies of {len(wrong)} posts are wrong, {wrong[0]!r} among them",
                hint="export the events and import them into a new database; tell the maintainers",
            )


def _table(name: str | None) -> "TableName | None":
    from recsys.events.rows import TableName

    if name is None:
        return None
    try:
        return TableName(name)
    except ValueError:
        raise BadConfig(f"--as must be one of {', '.join(TableName)}, not {name!r:.40}") from None


def _rules(settings: "ProductConfig") -> "DataConfig":
    """The limits of data; kinds that only histories name are good, too."""
    kinds = {*settings.data.reaction_kinds, *settings.history.kinds, *settings.history.approving}
    return settings.data.model_copy(update={"reaction_kinds": tuple(sorted(kinds))})


def _as_dict(done: "Ingested") -> dict[str, Any]:
    return asdict(done) | {
        "table": str(done.table),
        "quarantine": str(done.quarantine) if done.quarantine else None,
    }


def _page(done: "list[Ingested]") -> str:
    heads = ("file", "as", "rows", "new", "there already", "of the deleted", "bad")
    names = ("rows", "recorded", "repeated", "refused", "rejected")
    lines = [(one.file, str(one.table), *(getattr(one, name) for name in names)) for one in done]
    parts = [table(heads, lines)]
    parts += [
        f"{one.file}: {one.skipped} rows were in from before; it went on behind them"
        for one in done
        if one.skipped
    ]
    bad = [
        (f"{reject.file}:{reject.row}", reject.field, reject.reason, reject.detail)
        for one in done
        for reject in one.examples
    ]
    if bad:
        parts.append(table(("bad row", "field", "reason", "detail"), bad))
        files = ", ".join(str(one.quarantine) for one in done if one.quarantine)
        note(f"all bad rows: {files}")
    return "\n\n".join(parts)


def _stats_as_dict(found: "Stats") -> dict[str, Any]:
    plain = asdict(found)
    for name in ("first_reaction", "last_reaction"):
        plain[name] = plain[name].isoformat() if plain[name] else None
    return plain


def _stats_page(result: dict[str, Any]) -> str:
    rows = []
    for name, value in result.items():
        words = name.replace("_", " ")
        if isinstance(value, dict):
            rows += [(f"{words}: {kind}", str(number)) for kind, number in value.items()]
        elif value is not None:
            rows.append((words, str(value)))
    return table(("what", ""), rows)
