"""`commonspace data`: look at data before training on it."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results, table
from infra.cli.synthetic import synthetic
from training.errors import BadData, Conflict

if TYPE_CHECKING:
    from training.data.report import CheckReport

app = typer.Typer(name="data", help="Posts, reactions and people.", no_args_is_help=True)
app.command()(synthetic)


@app.command()
def check(
    place: Annotated[
        str, typer.Argument(metavar="PATH", help="File, folder or URI; `sample` for the sample.")
    ],
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", metavar="FILE", help="Write all bad rows there, as Parquet."),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Read data and say what is in it and what is bad.

    Nothing else is written. PATH is the posts, or a folder with posts, reactions and users
    (.parquet, .jsonl or .csv) and images. Exit code 3 if training would refuse it.

    \b
    Examples:
      commonspace data check sample
      commonspace data check my-network/
      commonspace data check s3://bucket/posts.parquet --set data.reactions=s3://bucket/likes.csv
      commonspace data check posts.jsonl --quarantine quarantine.parquet
      commonspace data check posts.jsonl --set data.ids=map --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.product import services
        from training.data.discover import discover
        from training.data.prepare import check
        from training.data.read import require_places

        source = discover(place, settings.data)
        require_places(source)
        with services(settings), progress() as observer:
            observer.stage(f"Checking {place}")
            report = check(source, quarantine=quarantine, progress=observer.advance)
        problem = report.refusal(source)
        show(report.model_dump(mode="json") | {"refusal": problem}, text=_page(report))
        if problem:
            where = f"see {quarantine}" if quarantine else "--quarantine FILE writes all of them"
            hint = f"mend the rows or raise data.max_quarantined_share; {where}"
            raise BadData(problem, hint=hint)


@app.command()
def sample(
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Copy it there; else say where it is."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find or copy the shipped sample.

    4,555 posts of 509 people, in the public domain. It shows the columns that your own data should
    have.

    \b
    Examples:
      commonspace data sample
      commonspace data sample --to my-network
    """
    with results(as_json) as show:
        from training.data.sample import sample_path

        path = Path(sample_path())
        if to is not None:
            path = _copy(path, to)
        show({"posts": str(path)}, text=str(path))


def _copy(source: Path, folder: Path) -> Path:
    target = folder / source.name
    if target.exists():
        raise Conflict(f"{target} exists", hint="choose another folder, or remove it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(source, target))
    except OSError as error:
        raise Conflict(f"{folder} can't be written: {error.strerror}") from None


def _page(report: "CheckReport") -> str:
    counts = table(
        ("table", "rows", "good", "bad"),
        [(name, t.read, t.kept, t.quarantined) for name, t in report.tables.items()],
    )
    facts = [
        f"{report.people} people; authors by number of posts: "
        + ", ".join(f"{label}: {n}" for label, n in report.authors_by_posts.items()),
        f"posts without text {report.posts_without_text}, without image "
        f"{report.posts_without_image}, without date {report.posts_without_date}; "
        f"private {report.private_posts}",
    ]
    facts += [
        f"columns of {name} that are not used: {', '.join(columns)}"
        for name, columns in report.ignored_columns.items()
    ]
    parts = [counts, "\n".join(facts)]
    if report.examples:
        parts.append(table(("why rows are bad", "rows"), list(report.reasons.items())))
        parts.append(
            table(
                ("bad row", "field", "reason", "detail"),
                [(f"{e.file}:{e.row}", e.field, e.reason, e.detail) for e in report.examples],
            )
        )
    return "\n\n".join(parts)
