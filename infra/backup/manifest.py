"""What a backup holds: every file with its hash, and what it was made of and by."""

import hashlib
from pathlib import Path

from packaging.version import Version
from pydantic import BaseModel, ConfigDict, ValidationError

from infra.version import NOT_INSTALLED, product_version
from training.errors import BadData, Conflict, NotFound

FILE = "manifest.json"
FORMAT = 1


class FileRecord(BaseModel):
    """A file: its size and SHA-256, in hexadecimal."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str


class BackupManifest(BaseModel):
    """A backup.

    Attributes:
        format: of the backup.
        product: version that wrote it.
        created: when, UTC.
        workspace: URI of the folder that was copied; paths in MLflow's database begin with it.
        events: `sqlite` or `postgresql`.
        events_revision: of the event database's tables.
        mlflow: `workspace` if its database is in here, else the name of the server that keeps it.
        champion: version; None if there was none.
        live: model version of the live index; None if nothing was indexed.
        versions: whose files are in here.
        counts: people, posts and reactions when the copy was made.
        files: path in the backup to its record.
    """

    model_config = ConfigDict(frozen=True)

    format: int
    product: str
    created: str
    workspace: str
    events: str
    events_revision: str
    mlflow: str
    champion: int | None
    live: str | None
    versions: tuple[int, ...]
    counts: dict[str, int]
    files: dict[str, FileRecord]


def records_of(folder: Path) -> dict[str, FileRecord]:
    """Every file below a folder but the manifest, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): FileRecord(
            bytes=path.stat().st_size, sha256=sha256(path)
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / FILE
    }


def sha256(path: Path) -> str:
    """Of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> BackupManifest:
    """Read it, and see that this release knows what it describes.

    Raises: NotFound if the folder is no backup; BadData if the file is damaged; Conflict if a
        newer release wrote it.
    """
    path = folder / FILE
    if not path.is_file():
        raise NotFound(f"{folder} is no backup", hint=f"it holds no {FILE}")
    try:
        found = BackupManifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValidationError) as error:
        raise BadData(f"{path} is damaged: {str(error).splitlines()[0]}") from None
    own = product_version()
    if found.format > FORMAT or Version(found.product) > Version(own) != Version(NOT_INSTALLED):
        raise Conflict(
            f"release {found.product} made this backup, and this is {own}",
            hint="restore it with that release, and upgrade afterwards",
        )
    return found


def check_files(folder: Path, manifest: BackupManifest) -> None:
    """Hold every file against its hash. Raises: BadData naming those that are damaged or gone."""
    damaged = [
        name for name, record in manifest.files.items() if not _whole(folder, folder / name, record)
    ]
    if damaged:
        shown = ", ".join(damaged[:10]) + (" …" if len(damaged) > 10 else "")
        raise BadData(
            f"{len(damaged)} of {len(manifest.files)} files of the backup are damaged or gone: "
            f"{shown}",
            hint="nothing was restored; use another backup",
        )


def _whole(folder: Path, path: Path, record: FileRecord) -> bool:
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        return False  # a name that leads out of the backup is damage, too
    return path.stat().st_size == record.bytes and sha256(path) == record.sha256
