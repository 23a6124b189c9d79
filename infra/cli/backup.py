"""`commonspace backup` and `commonspace restore`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results


def backup(
    to: Annotated[
        str, typer.Option("--to", metavar="FOLDER|URI", help="A new folder, or s3://, gs://, …")
    ],
    with_data: Annotated[
        bool,
        typer.Option("--with-data", help="Also the champion's clean data, for drift reports."),
    ] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Copy the event database, the models in use and the settings, while the service runs.

    With API keys (as hashes) and tombstones; the index is not copied, since it is made of these.
    What lies on servers (MLflow, Milvus) is backed up there; of a Postgres `pg_dump` makes the
    copy. Keep backups as safe as the workspace: they hold what people wrote.

    \b
    Examples:
      commonspace backup --to backups/2026-01-31
      commonspace backup --to s3://bucket/commonspace/2026-01-31 --with-data
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.backup.copying import back_up
        from infra.cli.progress import progress

        with progress() as observer:
            done = back_up(settings, to, with_data=with_data, observer=observer)
        manifest = done.manifest
        show(
            {
                "place": done.place,
                "bytes": done.bytes,
                "files": len(manifest.files),
                **manifest.model_dump(mode="json", exclude={"files"}),
            },
            text=f"{done.place}: {len(manifest.files)} files, {done.bytes / 1e6:.1f} MB; "
            f"{manifest.counts['people']:,} people, {manifest.counts['posts']:,} posts, "
            f"models {', '.join(map(str, manifest.versions)) or 'none'} (champion "
            f"{manifest.champion or 'none'})",
        )


def restore(
    place: Annotated[str, typer.Argument(metavar="FOLDER|URI", help="The backup.")],
    workspace: Annotated[
        Path, typer.Option("--workspace", metavar="DIR", help="A new or empty folder.")
    ],
    forgotten: Annotated[
        Path | None,
        typer.Option(
            "--forgotten",
            metavar="FILE",
            help="A newer list of the forgotten, of `commonspace forget list`.",
        ),
    ] = None,
    index: Annotated[
        bool, typer.Option("--index/--no-index", help="Build the index of what was restored.")
    ] = True,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Bring a backup into an empty workspace, and build its index.

    Every file is held against its hash first. Who was forgotten stays forgotten; who was forgotten
    after the backup was made comes back unless --forgotten names a newer list.

    \b
    Examples:
      commonspace restore backups/2026-01-31 --workspace build/restored
      commonspace restore s3://bucket/2026-01-31 --workspace /srv/new --forgotten forgotten.txt
      commonspace restore backups/1 --workspace new --set events.url=postgresql+psycopg://me@host/e
    """
    with results(as_json) as show:
        from infra.backup.restoring import restore
        from infra.cli.progress import progress

        with progress() as observer:
            done = restore(
                place,
                workspace,
                overrides=overrides,
                forgotten=forgotten,
                index=index,
                observer=observer,
            )
        indexed = "no index; build it: commonspace index --from-database"
        if done.indexed is not None:
            indexed = (
                f"{done.indexed['posts']:,} posts and {done.indexed['users']:,} people indexed"
            )
        elif done.manifest.live is None:
            indexed = "nothing was indexed then"
        show(
            {
                "workspace": str(done.workspace),
                "settings": str(done.settings),
                "created": done.manifest.created,
                "champion": done.manifest.champion,
                "forgotten_again": done.forgotten,
                "indexed": done.indexed,
            },
            text=f"{done.workspace}: the state of {done.manifest.created}; {indexed}\n"
            f"{done.forgotten} forgotten again\n"
            f"go on with --config {done.settings}",
        )
