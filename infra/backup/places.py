"""Where backups lie: a folder, or a URI that fsspec knows (`s3://`, `gs://`, ...)."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.backup.manifest import FILE
from training.errors import BadConfig, Conflict, NotFound, Unavailable


@contextmanager
def written_to(place: str) -> Iterator[Path]:
    """A new folder, which is the backup at `place` once the `with` has ended without an error.

    Only its owner may read a local one. The manifest goes last to a remote place: what has none is
    no backup.

    Raises: Conflict if something is there already; BadConfig, Unavailable for a URI.
    """
    if "://" in place:
        files, root = _filesystem(place)
        if _anything(files, root):
            raise Conflict(f"{place} holds files already", hint="name a new folder for each backup")
        with tempfile.TemporaryDirectory(prefix="commonspace-backup-") as staging:
            yield Path(staging)
            _upload(files, Path(staging), root)
        return
    target = Path(place).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} holds files already", hint="name a new folder for each backup")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))  # mode 700
    try:
        yield draft
        os.replace(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def read_from(place: str) -> Iterator[Path]:
    """The folder of a backup, brought here if it lies elsewhere. Raises: NotFound, Unavailable."""
    if "://" not in place:
        yield Path(place).absolute()
        return
    files, root = _filesystem(place)
    with tempfile.TemporaryDirectory(prefix="commonspace-restore-") as staging:
        try:
            if not files.exists(f"{root}/{FILE}"):
                raise NotFound(f"{place} is no backup", hint=f"it holds no {FILE}")
            for name in files.find(root):
                local = Path(staging, name.removeprefix(root).lstrip("/"))
                local.parent.mkdir(parents=True, exist_ok=True)
                files.get_file(name, str(local))
        except OSError as error:
            raise Unavailable(f"{place} can't be read: {error}") from None
        yield Path(staging)


def _filesystem(place: str) -> tuple[Any, str]:
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(place)
    except (ValueError, ImportError) as error:
        raise BadConfig(
            f"{place}: {error}", hint="for s3:// install commonspace[aws], for gs:// [gcp]"
        ) from None
    return files, root.rstrip("/")


def _anything(files: Any, root: str) -> bool:
    try:
        return bool(files.exists(root) and files.find(root))
    except OSError as error:
        raise Unavailable(f"{root} can't be read: {error}") from None


def _upload(files: Any, folder: Path, root: str) -> None:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    try:
        for path in sorted(paths, key=lambda path: path.name == FILE):  # the manifest last
            name = f"{root}/{path.relative_to(folder).as_posix()}"
            files.makedirs(name.rpartition("/")[0], exist_ok=True)
            files.put_file(str(path), name)
    except OSError as error:
        raise Unavailable(f"{root} can't be written: {error}") from None
