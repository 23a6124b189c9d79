"""`restore`: a backup into an empty workspace, checked first, whole or not at all.

What was forgotten since the backup was made would come back with it. So a restore takes a list of
the forgotten (`commonspace forget list`) and forgets them again before anything is indexed.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from infra.backup.copying import DUMP, EVENTS, SETTINGS
from infra.backup.databases import restore_postgres
from infra.backup.manifest import FILE, BackupManifest, check_files, read_manifest
from infra.backup.models import DATABASE, relocate
from infra.backup.places import read_from
from infra.forgetting import bring_list, places_of
from infra.product import ProductConfig, load_config, services
from training.data.forgotten import FILE as FORGOTTEN
from training.data.forgotten import Forgotten
from training.errors import Conflict, NotFound
from training.observer import SILENT, Observer


@dataclass(frozen=True)
class Restored:
    """A workspace that was restored.

    Attributes:
        workspace: where.
        settings: the file that further commands take by `--config`.
        manifest: of the backup.
        forgotten: people and posts that were forgotten again.
        indexed: rows of the new index by target; None if it was not built.
    """

    workspace: Path
    settings: Path
    manifest: BackupManifest
    forgotten: int
    indexed: dict[str, int] | None


def restore(
    place: str,
    workspace: Path,
    *,
    overrides: list[str] | None = None,
    forgotten: Path | None = None,
    index: bool = True,
    observer: Observer = SILENT,
    ray: Callable[[ProductConfig], AbstractContextManager[None]] = services,
) -> Restored:
    """Bring a backup into an empty or absent folder, and build its index anew.

    Args:
        place: folder or URI of the backup.
        workspace: the new one.
        overrides: settings over those of the backup, such as `events.url`.
        forgotten: a newer list of the forgotten, who are forgotten again.
        index: False leaves the index to `commonspace index --from-database`.
        observer: sees the progress.
        ray: what indexing runs on.
    Raises: NotFound if there is no backup, or no list of the forgotten where one is named; BadData
        naming damaged files; Conflict if the workspace or a Postgres holds something, or a newer
        release made the backup; Unavailable.
    """
    workspace = workspace.absolute()
    if workspace.exists() and (not workspace.is_dir() or any(workspace.iterdir())):
        raise Conflict(
            f"{workspace} is not empty", hint="restore into a new folder: --workspace NEW"
        )
    if forgotten and not forgotten.is_file():  # an absent list would be one of nobody
        raise NotFound(f"there is no list of the forgotten at {forgotten}")
    gone = Forgotten.read(forgotten) if forgotten else Forgotten()
    observer.stage("Reading and checking the backup")
    with read_from(place) as folder:
        manifest = read_manifest(folder)
        _check_revision(manifest)
        check_files(folder, manifest)
        config = load_config(folder / SETTINGS, overrides or (), workspace)
        _place(folder, manifest, config, workspace, observer)
    settings = workspace / SETTINGS
    config = load_config(settings, overrides or (), workspace)
    again = _forget(config, gone, observer)
    bring_list(config)
    counts = _index(config, manifest, observer, ray) if index and manifest.live else None
    return Restored(workspace, settings, manifest, again, counts)


def _check_revision(manifest: BackupManifest) -> None:
    from recsys.events.schema import head

    if manifest.events_revision > head():
        raise Conflict(
            f"the event database of the backup has tables of revision {manifest.events_revision}, "
            f"and this release knows those up to {head()}",
            hint="restore it with the release that made it, and upgrade afterwards",
        )


def _place(
    folder: Path,
    manifest: BackupManifest,
    config: ProductConfig,
    workspace: Path,
    observer: Observer,
) -> None:
    """Copy the files to a draft beside the workspace, mend their paths, and put it in its place."""
    observer.stage(f"Copying {len(manifest.files)} files")
    workspace.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{workspace.name}.", dir=workspace.parent))
    try:
        for name in manifest.files:
            if name in (DUMP, FILE):
                continue
            target = draft / (config.events.url if name == EVENTS else name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target)
        if (draft / DATABASE).exists():
            relocate(draft, manifest.workspace, workspace.as_uri())
        text = config.shareable().to_yaml()
        (draft / SETTINGS).write_text(text, encoding="utf-8")
        if manifest.events == "postgresql":
            restore_postgres(config.events, folder / DUMP)
        if workspace.exists():
            workspace.rmdir()  # it is empty
        os.replace(draft, workspace)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _forget(config: ProductConfig, gone: Forgotten, observer: Observer) -> int:
    """Forget again who is on a newer list than the backup's; how many there were."""
    if not gone:
        return 0
    from sqlalchemy import select

    from recsys.events.engine import open_engine
    from recsys.events.tables import people, posts
    from recsys.events.transactions import reading
    from recsys.forgetting.forget import forget_person, forget_post
    from recsys.forgetting.tombstones import bury

    observer.stage("Forgetting again who was forgotten since")
    engine = open_engine(config.events, config.workspace)
    try:
        with reading(engine) as connection:
            persons = [id for id in connection.scalars(select(people.c.user_id)) if gone.person(id)]
            written = [
                row.post_id
                for row in connection.execute(select(posts.c.post_id, posts.c.user_id))
                if gone.post(row.post_id) and not gone.person(row.user_id)  # theirs go with them
            ]
        bury(engine, sorted(gone.digests))
    finally:
        engine.dispose()
    places = places_of(config)
    for id in persons:
        forget_person(places, id)
    for id in written:
        forget_post(places, id)
    gone_now = Forgotten.read(Path(config.workspace) / FORGOTTEN)
    Forgotten(gone.digests | gone_now.digests).write(Path(config.workspace) / FORGOTTEN)
    return len(persons) + len(written)


def _index(
    config: ProductConfig,
    manifest: BackupManifest,
    observer: Observer,
    ray: Callable[[ProductConfig], AbstractContextManager[None]],
) -> dict[str, int]:
    from infra.indexing import index_posts

    with ray(config):
        report = index_posts(
            config, model=manifest.live or "champion", from_database=True, observer=observer
        )
    return {str(target): count for target, count in report.counts.items()}
