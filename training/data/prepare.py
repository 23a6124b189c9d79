"""From a source to clean data: look, check, quarantine, split, and keep it by its content."""

import hashlib
import json
import os
import shutil
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from errno import EISDIR
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from training.data.clean import MANIFEST, CleanData, Manifest, SourceRecord
from training.data.cleaning import Folder, Nowhere, Progress, QuarantineFile, clean_tables
from training.data.config import DataConfig, SplitConfig
from training.data.excluding import holds_rows
from training.data.files import exclusive, fresh_folder, parts_of, replacing
from training.data.forgotten import FILE as FORGOTTEN
from training.data.forgotten import Forgotten
from training.data.read import TableSource, find_source
from training.data.report import CheckReport
from training.data.sources import fingerprint, list_files
from training.data.splits_file import write_splits
from training.data.validate import Rules
from training.errors import BadData, Conflict

_VERSION = 1
"""Raised when the checks or the layout change what a folder of clean data holds."""

_ELSEWHERE = {"posts", "reactions", "users", "image_folder", "max_quarantined_share"}
"""Settings that don't change what is kept of given content, and so are not in its digest."""


def check(
    config: DataConfig, *, quarantine: Path | None = None, progress: Progress | None = None
) -> CheckReport:
    """Read and check a source, and write nothing but the bad rows, if `quarantine` says where.

    Raises: BadData if the source can't be read at all, or the quarantine not be written; bad rows
        are in the report (see `refusal`).
    """
    sources = _find_sources(config)
    with ExitStack() as stack:
        sink = stack.enter_context(_open_quarantine(quarantine, stack)) if quarantine else Nowhere()
        return clean_tables(sources, Rules(config, _now()), sink, progress=progress)


def _open_quarantine(path: Path, stack: ExitStack) -> QuarantineFile:
    """A file that is at `path` once the stack has closed without an error. Raises: BadData."""
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        return QuarantineFile(stack.enter_context(replacing(path)))
    except OSError as error:
        raise BadData(f"{path} can't be written: {error.strerror or error}") from None


def prepare(
    config: DataConfig,
    split: SplitConfig,
    workspace: Path,
    *,
    progress: Progress | None = None,
) -> CleanData:
    """Clean and split a source into `<workspace>/data/<digest>/`, or find it there.

    Where content and settings are those of an earlier call, that folder is returned at once;
    where only the split differs, its tables are linked and not read again. A folder appears whole
    or not at all; of several processes that want the same one, one builds it.

    Rows of the forgotten (`<workspace>/forgotten.txt`) are left out and counted in the report. A
    folder that was made before the list grew is used again if it holds none of theirs.

    Raises: BadData if the source can't be read, or if too many of its rows are bad; the quarantine
        then lies in `<workspace>/data/refused-<digest>/`. Conflict if the source changes meanwhile.
    """
    sources = _find_sources(config)
    records = _records(sources, config)
    forgotten = Forgotten.read(Path(workspace) / FORGOTTEN)
    home = Path(workspace).absolute() / "data"
    tables = _fitting(home, records, config, forgotten) or _digest(
        _VERSION,
        sorted((record.table, record.file, record.mark) for record in records),
        config.model_dump(mode="json", exclude=_ELSEWHERE),
        *([sorted(forgotten.digests)] if forgotten else []),
        size=12,
    )
    root = home / f"{tables}-{_digest(split.model_dump(mode='json'), size=4)}"
    with exclusive(home / f".{tables}.lock"):
        if not (root / MANIFEST).exists():
            shutil.rmtree(root, ignore_errors=True)
            with fresh_folder(home / f".{root.name}.partial") as partial:
                report = _reuse(home, tables, partial)
                if report is None:
                    report = _clean(sources, config, forgotten, partial, progress)
                    _refuse_changes(records, config)
                    _refuse(report, config, partial, keep_in=home / f"refused-{tables}")
                forgotten.write(partial / FORGOTTEN)
                _finish(partial, root, config, split, records, report)
    data = CleanData.open(root)
    _refuse(data.manifest.report, config, data.root)  # the share may be lower than it was then
    return data


def _find_sources(config: DataConfig) -> dict[str, TableSource]:
    places = {"posts": config.posts, "reactions": config.reactions, "users": config.users}
    return {table: find_source(table, place) for table, place in places.items() if place}


def _records(sources: dict[str, TableSource], config: DataConfig) -> list[SourceRecord]:
    """Every file of the tables with what tells its state, and the image folder as one."""
    records = [
        SourceRecord(table=table, file=file.name, bytes=file.size, mark=mark)
        for table, source in sources.items()
        for file, mark in zip(source.files, fingerprint(source.files), strict=True)
    ]
    if config.image_folder:
        images = list_files(config.image_folder)
        states = [[file.name, mark] for file, mark in zip(images, fingerprint(images), strict=True)]
        records.append(
            SourceRecord(
                table="images",
                file=f"{len(images)} files",
                bytes=sum(file.size for file in images),
                mark=_digest(states, size=16),
            )
        )
    return records


def _digest(*parts: Any, size: int) -> str:
    text = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def _now() -> int:
    return time.time_ns() // 1000


def _clean(
    sources: dict[str, TableSource],
    config: DataConfig,
    forgotten: Forgotten,
    partial: Path,
    progress: Progress | None,
) -> CheckReport:
    with Folder(partial, ids_mapped=config.ids == "map") as folder:
        return clean_tables(sources, Rules(config, _now(), forgotten), folder, progress=progress)


def _reuse(home: Path, tables: str, partial: Path) -> CheckReport | None:
    """Link the tables of the same content under another split, if there is one."""
    same = sorted(home.glob(f"{tables}-*/{MANIFEST}"))
    if not same:
        return None
    data = CleanData.open(same[0].parent)
    own = shutil.ignore_patterns(MANIFEST, FORGOTTEN, "splits.parquet", "*.lock", ".*")
    shutil.copytree(data.root, partial, copy_function=_link, ignore=own, dirs_exist_ok=True)
    return data.manifest.report


def _fitting(
    home: Path, records: list[SourceRecord], config: DataConfig, forgotten: Forgotten
) -> str | None:
    """The digest of tables of the same content that hold nobody on a list of the forgotten.

    Made for a shorter list, they are the same tables: who was put on it since isn't in this source.
    """
    if not forgotten:
        return None
    wanted = config.model_dump(exclude=_ELSEWHERE)
    for path in sorted(home.glob(f"[!.]*/{MANIFEST}")):
        data = CleanData.open(path.parent)
        left_out = Forgotten.read(data.root / FORGOTTEN)
        if (
            list(data.manifest.source) == records
            and data.manifest.config.model_dump(exclude=_ELSEWHERE) == wanted
            and left_out.digests <= forgotten.digests
            and (left_out == forgotten or not holds_rows(data.root, forgotten))
        ):
            forgotten.write(data.root / FORGOTTEN)  # so that it isn't read through next time
            return data.root.name.rpartition("-")[0]
    return None


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a filesystem without hard links
        shutil.copy2(source, target)


def _refuse_changes(records: list[SourceRecord], config: DataConfig) -> None:
    if records != _records(_find_sources(config), config):
        raise Conflict("the source changed while it was read", hint="try again when it is at rest")


def _refuse(
    report: CheckReport, config: DataConfig, folder: Path, keep_in: Path | None = None
) -> None:
    """Raise BadData if too much is bad. The folder's quarantine moves to `keep_in` first."""
    problem = report.refusal(config)
    if problem is None:
        return
    quarantine = folder / "quarantine.parquet"
    if keep_in:
        shutil.rmtree(keep_in, ignore_errors=True)
        keep_in.mkdir(parents=True)
        quarantine = quarantine.replace(keep_in / quarantine.name)
    hint = f"see {quarantine}; mend the rows or raise data.max_quarantined_share"
    raise BadData(problem, hint=hint)


def _finish(
    partial: Path,
    root: Path,
    config: DataConfig,
    split: SplitConfig,
    records: list[SourceRecord],
    report: CheckReport,
) -> None:
    """Split the posts, write the manifest, and put the folder in its place."""
    parts = write_splits(partial, report, split)
    counts = {
        table: sum(pq.read_metadata(path).num_rows for path in parts_of(partial / table))
        for table in ("posts", "reactions", "users")
    }
    manifest = Manifest(
        digest=root.name,
        prepared_at=datetime.now(UTC).isoformat(timespec="seconds"),
        config=config,
        split=split,
        source=tuple(records),
        counts=counts,
        splits=parts,
        report=report,
    )
    (partial / MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
    partial.rename(root)
