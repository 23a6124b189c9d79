"""Files into the event database: batch by batch, each acknowledged, bad rows put aside one by one.

Every row may come any number of times: it is known by its ids, a reaction by its key or by all that
it says. An import that was cut goes on behind the last acknowledged batch when it is started again.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recsys.events import tombstones
from recsys.events.batches import Batch, Written
from recsys.events.boundaries import Boundary
from recsys.events.database import Events
from recsys.events.files import Source, raw_rows
from recsys.events.records import Person, Post, Reaction
from recsys.events.rejects import Quarantine, Reject
from recsys.events.rows import Keyed, RowReader, Shown, TableName
from training.data.config import DataConfig
from training.data.image_files import ImageFolder
from training.data.quarantine import BadField, Reason
from training.data.raw import Malformed, RawRow
from training.data.sources import SourceFile, fingerprint

_ROWS, _PICTURE_BYTES = 500, 8 << 20
_SHOWN = 20


@dataclass
class Ingested:
    """What became of one file.

    Attributes:
        file: its path.
        table: what it holds.
        rows: that were read now.
        skipped: that were acknowledged before: this import was cut and went on.
        recorded: new, or new about what was there.
        repeated: there already as they came.
        refused: of people or posts that were deleted for good.
        rejected: bad ones, now and before the cut.
        quarantine: the file that they are in; None without any.
        examples: the first of them.
    """

    file: str
    table: TableName
    rows: int = 0
    skipped: int = 0
    recorded: int = 0
    repeated: int = 0
    refused: int = 0
    rejected: int = 0
    quarantine: Path | None = None
    examples: list[Reject] = field(default_factory=list)


def ingest(
    source: Source,
    events: Events,
    config: DataConfig,
    quarantine: Path,
    *,
    again: bool = False,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Ingested:
    """Bring the rows of a file into the event database.

    Args:
        source: from `files.find_sources`.
        events: the database.
        config: the limits, the kinds of reactions, and the folder of images; a folder `images`
            beside the file if that isn't set.
        quarantine: folder for the bad rows.
        again: begin at the first row, even if the import was cut.
        progress: told what, how many rows are acknowledged and of how many (0: unknown), after each
            batch.
    Raises: BadData if the file breaks off.
    """
    mark = tombstones.digest("import", source.table, *fingerprint([source.file]))
    if again:
        events.imports.end(mark)
    position = events.imports.rows(mark)
    name = Path(source.file.path).name
    kept = Quarantine(quarantine / f"{name}-{mark[:8]}.jsonl", position)
    report = Ingested(source.file.path, source.table, skipped=position)
    reader = RowReader(config, datetime.now(UTC), _images(source.file, config))
    with closing(raw_rows(source)) as rows:
        for part in _parts(itertools.islice(rows, position, None), reader, source, position):
            bad = kept.count
            part.write(events, mark, kept)
            bad = kept.count - bad
            report.rows += part.rows
            report.recorded += part.done.recorded
            report.refused += part.done.refused
            report.repeated += part.rows - bad - part.done.recorded - part.done.refused
            progress(f"rows of {name}", part.position, source.total)
    events.imports.end(mark)
    _report_rejects(report, kept)
    return report


@dataclass
class _Part:
    """Some rows in order, the good ones as records."""

    position: int
    """Rows of the file that are in with these."""
    rows: int = 0
    records: list[tuple[RawRow, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    done: Written = field(default_factory=Written)
    file: str = ""

    def write(self, events: Events, mark: str, kept: Quarantine) -> None:
        def set_aside(done: Written) -> None:
            kept.add(sorted([*self.rejects, *self._of_others(done)], key=lambda one: one.position))

        batch = _batch([record for _, record in self.records])
        self.done = events.ingest(batch, mark=mark, rows=self.position, before_commit=set_aside)

    def _of_others(self, done: Written) -> Iterator[Reject]:
        for raw, record in self.records:
            if isinstance(record, Shown) and isinstance(record.record, Post):
                author = done.others.get(record.record.post_id)
                if author is not None and author != record.record.user_id:
                    bad = BadField(Reason.DUPLICATE, f"this post is {author}'s already")
                    bad.field = "post_id"
                    yield Reject.of(bad, self.file, raw.number, self.position, raw.values)


def _parts(
    rows: Iterator[RawRow], reader: RowReader, source: Source, position: int
) -> Iterator[_Part]:
    part, held = _Part(position, file=source.file.name), 0
    for raw in rows:
        part.position += 1
        part.rows += 1
        try:
            if isinstance(raw.values, Malformed):
                raise BadField(raw.values.reason, raw.values.detail)
            record = reader(source.table, raw.values)
        except BadField as bad:
            values = {"line": raw.values.text} if isinstance(raw.values, Malformed) else raw.values
            part.rejects.append(Reject.of(bad, part.file, raw.number, part.position, values))
        else:
            part.records.append((raw, record))
            if isinstance(record, Shown) and record.picture:
                held += len(record.picture.data)
        if part.rows >= _ROWS or held >= _PICTURE_BYTES:
            yield part
            part, held = _Part(part.position, file=source.file.name), 0
    if part.rows:
        yield part


def _batch(records: Sequence[Any]) -> Batch:
    people: list[Person] = []
    posts: list[Post] = []
    reactions: dict[str, Reaction] = {}
    boundaries: list[Boundary] = []
    pictures, deleted = {}, []
    for record in records:
        match record:
            case Shown(Person() as person, picture):
                people.append(person)
                pictures |= {person.image_hash: picture} if picture else {}
            case Shown(Post() as post, picture):
                posts.append(post)
                pictures |= {post.image_hash: picture} if picture else {}
            case Keyed(id, reaction):
                reactions.setdefault(id, reaction)
            case Boundary():
                boundaries.append(record)
            case str():
                deleted.append(record)
    return Batch(people, posts, reactions, boundaries, pictures, deleted)


def _images(file: SourceFile, config: DataConfig) -> ImageFolder | None:
    if config.image_folder:
        return ImageFolder(config.image_folder, config.images)
    beside = Path(file.path).parent / "images"
    local = "://" not in file.source
    return ImageFolder(str(beside), config.images) if local and beside.is_dir() else None


def _report_rejects(report: Ingested, kept: Quarantine) -> None:
    report.quarantine, report.rejected = kept.path if kept.count else None, kept.count
    report.examples = kept.first(_SHOWN)
