"""`back_up`: one consistent copy of what can't be made anew, while the service runs.

The event database is copied first, as one snapshot: it is the truth, with API keys and tombstones
in it. MLflow's database follows, and of its artifacts those of the champion, the one before it and
the one in use, as that copy names them: their files never change. The index is not copied: it is
made of these.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.backup.databases import copy_sqlite, dump_postgres
from infra.backup.manifest import FILE, FORMAT, BackupManifest, records_of
from infra.backup.models import (
    DATABASE,
    champion_among,
    copy_artifacts,
    tracked_in,
    worth_keeping,
)
from infra.backup.places import written_to
from infra.product import ProductConfig, open_tracking
from infra.version import product_version
from training.errors import BadConfig, NotFound
from training.observer import SILENT, Observer

SETTINGS = "settings.yaml"
EVENTS, DUMP = "events.db", "events.dump"
_WHOLE_FOLDERS = ("forgetting", "pipelines")
_IN_WORKSPACE = "workspace"


@dataclass(frozen=True)
class Backup:
    """A backup that was made.

    Attributes:
        place: folder or URI.
        manifest: what is in it.
        bytes: of all files.
    """

    place: str
    manifest: BackupManifest
    bytes: int


def back_up(
    config: ProductConfig, to: str, *, with_data: bool = False, observer: Observer = SILENT
) -> Backup:
    """Copy a workspace.

    Args:
        config: of the product.
        to: a new folder, or a URI such as `s3://bucket/2026-01-31`.
        with_data: also the champion's clean data, which the next drift report compares with.
        observer: sees the progress.
    Raises: BadConfig for an event database of another kind; Conflict if something is there;
        NotFound if there is nothing to copy; BadData if a database is damaged or a model's files
        are gone; Unavailable.
    """
    workspace = Path(config.workspace).absolute()
    with written_to(to) as folder:
        observer.stage("Copying the event database")
        kind, schema, counts = _events(config, workspace, folder)
        observer.stage("Copying MLflow's database and the models in use")
        mlflow, champion, live, versions = _models(config, workspace, folder, with_data)
        for name in _WHOLE_FOLDERS:
            _folder(workspace / name, folder / name)
        if config.recommend.reactions is not None:
            reactions = workspace / config.recommend.reactions
            if reactions.is_relative_to(workspace):
                _folder(reactions, folder / reactions.relative_to(workspace))
        (folder / SETTINGS).write_text(config.shareable().to_yaml(), encoding="utf-8")
        observer.stage("Hashing the copies")
        manifest = BackupManifest(
            format=FORMAT,
            product=product_version(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            workspace=workspace.as_uri(),
            events=kind,
            events_revision=schema,
            mlflow=mlflow,
            champion=champion,
            live=live,
            versions=versions,
            counts=counts,
            files=records_of(folder),
        )
        (folder / FILE).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    return Backup(to, manifest, sum(record.bytes for record in manifest.files.values()))


def _events(
    config: ProductConfig, workspace: Path, folder: Path
) -> tuple[str, str, dict[str, int]]:
    """Copy the event database; its kind, its revision and its counts."""
    from recsys.events.database import Events

    remote = "://" in config.events.url
    if not remote and not (workspace / config.events.url).exists():
        raise NotFound(
            f"there is no event database in {workspace}", hint="is --workspace the right folder?"
        )
    with Events(config.events, workspace) as events:  # brings an older one up to this release
        stats, counts = events.stats(), events.counts()
        if not remote:
            copy_sqlite((workspace / config.events.url).resolve(), folder / EVENTS)
        elif config.events.url.startswith("postgresql"):
            dump_postgres(config.events, folder / DUMP)
        else:
            raise BadConfig(
                "only SQLite and Postgres can be backed up",
                hint="use the database's own tool, and `commonspace events export`",
            )
    found = {
        "people": counts.people,
        "posts": counts.public + counts.private,
        "reactions": counts.reactions,
    }
    return ("postgresql" if remote else "sqlite"), stats.schema, found


def _models(
    config: ProductConfig, workspace: Path, folder: Path, with_data: bool
) -> tuple[str, int | None, str | None, tuple[int, ...]]:
    """Copy MLflow, if it is the workspace's: where it is, champion, live, and versions copied."""
    from infra.pipeline.steps import live_version

    live = live_version(config)
    tracking = open_tracking(config)
    if tracking.uri != f"sqlite:///{workspace / DATABASE}":
        from training.tracking.gate import champion_of

        champion = champion_of(tracking)
        return tracking.name, champion.version if champion else None, live, ()
    if not (workspace / DATABASE).exists():
        return _IN_WORKSPACE, None, live, ()
    copy_sqlite(workspace / DATABASE, folder / DATABASE)
    models = tracked_in(folder / DATABASE, config.tracking, workspace)
    kept = worth_keeping(models, live)
    for model in kept:
        copy_artifacts(model, workspace, folder)
    champion = champion_among(models)
    if with_data and champion is not None:
        _folder(workspace / "data" / champion.data_digest, folder / "data" / champion.data_digest)
    versions = tuple(sorted(model.version for model in kept))
    return _IN_WORKSPACE, champion.version if champion else None, live, versions


def _folder(source: Path, target: Path) -> None:
    if source.is_dir():
        unneeded = shutil.ignore_patterns("lock", "*.lock", "*.tmp", "images.arrow")
        shutil.copytree(source, target, ignore=unneeded, dirs_exist_ok=True)
