"""Files of events: which table each holds, and its rows as they are."""

import itertools
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from recsys.events.rows import COLUMNS, REQUIRED, TableName
from training.data.parquet import open_parquet, read_parquet
from training.data.raw import RawRow
from training.data.read import FORMATS, format_of
from training.data.sources import SourceFile, list_files
from training.data.text_files import read_csv, read_header, read_jsonl
from training.errors import BadData

_LOOKED_AT = 20


@dataclass(frozen=True)
class Source:
    """A file of events.

    Attributes:
        file: where it is.
        table: what it holds.
        total: rows; 0 if the file doesn't say.
    """

    file: SourceFile
    table: TableName
    total: int


def find_sources(places: Sequence[str], table: TableName | None = None) -> list[Source]:
    """The files at some paths or URIs, in the order in which they are best read.

    Args:
        places: files, or folders of them.
        table: what they hold; their columns tell if None.
    Raises: BadData for a file that can't be read, or whose columns are of no table.
    """
    files = [file for place in places for file in list_files(place, FORMATS)]
    found = [_look_over(file, table) for file in files]
    order = list(TableName)
    return sorted(found, key=lambda source: order.index(source.table))


def _look_over(file: SourceFile, table: TableName | None) -> Source:
    match format_of(file.name):
        case "csv":
            names, total = read_header(file)[0], 0
        case "jsonl":
            names, total = _first_names(file), 0
        case _:
            with open_parquet(file) as parquet:
                names, total = parquet.schema_arrow.names, parquet.metadata.num_rows
    return Source(file, _recognised(file, names, table), total)


def _first_names(file: SourceFile) -> list[str]:
    for row in itertools.islice(read_jsonl(file), _LOOKED_AT):
        if isinstance(row.values, dict):
            return list(row.values)
    raise BadData(f"the first {_LOOKED_AT} lines of {file} hold no row")


def _recognised(file: SourceFile, names: Sequence[str], table: TableName | None) -> TableName:
    """The table whose columns are there; of several the one that needs most of them."""
    if table is not None:
        missing = [name for name in REQUIRED[table] if name not in names]
        if missing:
            raise BadData(
                f"{file} has no column {missing[0]!r}, as {table} have",
                hint=f"it has {', '.join(names)}"[:300],
            )
        return table
    fitting = [one for one in TableName if set(REQUIRED[one]) <= set(names)]
    if not fitting:
        needs = "; ".join(f"{one}: {', '.join(REQUIRED[one])}" for one in TableName)
        raise BadData(
            f"the columns of {file} are of no table: {', '.join(names)}"[:400],
            hint=f"columns that each table must have: {needs}",
        )
    return max(fitting, key=lambda one: len(REQUIRED[one]))


def raw_rows(source: Source) -> Generator[RawRow]:
    """The rows of a file, in order. Raises: BadData if it breaks off."""
    match format_of(source.file.name):
        case "csv":
            yield from read_csv(source.file)
        case "jsonl":
            yield from read_jsonl(source.file)
        case _:
            with open_parquet(source.file) as parquet:
                groups = range(parquet.num_row_groups)
            if groups:
                yield from read_parquet(source.file, groups, COLUMNS[source.table])
