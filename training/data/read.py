"""A table's source as pieces that can be read apart, and a piece as raw rows."""

import difflib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from training.data.config import SAMPLE, DataConfig
from training.data.parquet import open_parquet, read_parquet
from training.data.raw import RawRow
from training.data.sample import sample_path
from training.data.sources import SourceFile, list_files, require
from training.data.tables import FIELDS, REQUIRED
from training.data.text_files import read_csv, read_header, read_jsonl
from training.errors import BadData

_TEXT = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv"}
_PACKED = ("", ".gz", ".bz2", ".zst")
FORMATS = {".parquet": "parquet", ".pq": "parquet"} | {
    suffix + packed: name for suffix, name in _TEXT.items() for packed in _PACKED
}
"""Endings of file names, and the format that each one means."""

_PIECE_BYTES = 4 << 20
_OPENERS = 16  # footers of remote files are read side by side


@dataclass(frozen=True)
class Piece:
    """What one task reads: some row groups of a Parquet file, or a text file as a whole.

    Attributes:
        file: which one.
        format: a value of `FORMATS`.
        groups: row groups; empty for text.
    """

    file: SourceFile
    format: str
    groups: tuple[int, ...] = ()


@dataclass(frozen=True)
class TableSource:
    """One table's files, in order.

    Attributes:
        table: posts, reactions or users.
        files: sorted by name.
        pieces: in the order of their rows.
        rows: how many there are, where all files say so (Parquet); None otherwise.
        ignored: columns that are there and that nothing reads.
    """

    table: str
    files: tuple[SourceFile, ...]
    pieces: tuple[Piece, ...]
    rows: int | None
    ignored: tuple[str, ...]


def require_places(config: DataConfig) -> None:
    """Tell a mistyped place at once, before anything is started. Raises: BadData; BadConfig."""
    for place in (config.posts, config.reactions, config.users, config.image_folder):
        if place is not None and place != SAMPLE:
            require(place)


def find_source(table: str, place: str) -> TableSource:
    """Look a table's files over without reading their rows.

    Raises: BadData if there are none, one can't be read, or a required column is missing.
    """
    files = list_files(sample_path() if place == SAMPLE else place, FORMATS)
    with ThreadPoolExecutor(_OPENERS) as pool:
        opened = list(pool.map(lambda file: _look_over(table, file), files))
    counts = [rows for _, rows, _ in opened]
    return TableSource(
        table=table,
        files=tuple(files),
        pieces=tuple(piece for pieces, _, _ in opened for piece in pieces),
        rows=None if None in counts else sum(count or 0 for count in counts),
        ignored=tuple(sorted({name for _, _, ignored in opened for name in ignored})),
    )


def _look_over(table: str, file: SourceFile) -> tuple[list[Piece], int | None, list[str]]:
    """A file's pieces, row count if it says so, and columns that nothing reads."""
    kind = format_of(file.name)
    if kind == "jsonl":
        next(read_jsonl(file), None)  # an array or an unreadable file is told at once
        return [Piece(file, kind)], None, []
    if kind == "csv":
        names = read_header(file)[0]
        return [Piece(file, kind)], None, _ignored(table, file, names)
    with open_parquet(file) as parquet:
        ignored = _ignored(table, file, parquet.schema_arrow.names)
        metadata = parquet.metadata
        sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
        pieces = [Piece(file, kind, groups) for groups in _packed(sizes)]
        return pieces, metadata.num_rows, ignored


def format_of(name: str) -> str:
    """The format of a file by its name. Raises: BadData naming the known endings."""
    for suffix, kind in FORMATS.items():
        if name.lower().endswith(suffix):
            return kind
    known = ", ".join(sorted({*_TEXT, ".parquet"}))
    raise BadData(f"{name} has no ending that is known", hint=f"known: {known}")


def _ignored(table: str, file: SourceFile, names: list[str]) -> list[str]:
    """The columns that nothing reads. Raises: BadData if one that must be there is not."""
    for required in REQUIRED[table]:
        if required not in names:
            near = difflib.get_close_matches(required, names, n=1)
            raise BadData(
                f"{file} has no column {required!r}",
                hint=f"rename {near[0]!r}" if near else f"it has {', '.join(names)}"[:300],
            )
    return [name for name in names if name not in FIELDS[table]]


def _packed(sizes: list[int]) -> Iterator[tuple[int, ...]]:
    """Row groups in order, small neighbours together up to `_PIECE_BYTES`."""
    together: list[int] = []
    total = 0
    for group, size in enumerate(sizes):
        if together and total + size > _PIECE_BYTES:
            yield tuple(together)
            together, total = [], 0
        together.append(group)
        total += size
    if together:
        yield tuple(together)


def read_piece(table: str, piece: Piece) -> Iterator[RawRow]:
    """The rows of a piece in order. Raises: BadData if the file breaks off."""
    match piece.format:
        case "parquet":
            return read_parquet(piece.file, piece.groups, FIELDS[table])
        case "csv":
            return read_csv(piece.file)
        case _:
            return read_jsonl(piece.file)
