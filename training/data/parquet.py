"""Rows of Parquet files, whatever their values: nothing that one row holds ends the reading."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from training.data.fields import Microseconds
from training.data.raw import RawRow
from training.data.sources import SourceFile
from training.errors import BadData

_BATCH_BYTES = 1 << 25
_BATCH_ROWS = 1024
_BUFFER = 1 << 22
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True)
class Unsupported:
    """Stands for a value of an Arrow type that no field can have (a map, a duration)."""

    arrow_type: str


@contextmanager
def open_parquet(file: SourceFile) -> Iterator[pq.ParquetFile]:
    """A Parquet file with its footer read. Raises: BadData if it is none, or incomplete."""
    with file.open_file() as stream:
        try:
            # Buffered, not pre-buffered: a column chunk of gigabytes is read as it is decoded.
            parquet = pq.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise BadData(f"{file} is not a readable Parquet file: {error}") from None
        with parquet:
            yield parquet


def read_parquet(
    file: SourceFile, groups: Sequence[int], columns: Sequence[str]
) -> Iterator[RawRow]:
    """The rows of some consecutive row groups. Raises: BadData if the file breaks off."""
    with open_parquet(file) as parquet:
        sizes = [parquet.metadata.row_group(group) for group in range(parquet.num_row_groups)]
        number = 1 + sum(group.num_rows for group in sizes[: groups[0]])
        count = sum(sizes[group].num_rows for group in groups)
        size = sum(sizes[group].total_byte_size for group in groups)
        rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES * count // max(1, size)))
        present = [name for name in columns if name in parquet.schema_arrow.names]
        try:
            for batch in parquet.iter_batches(rows, row_groups=list(groups), columns=present):
                names = batch.schema.names
                values = [
                    _python_values(column, decode=name != "image")
                    for name, column in zip(names, batch.columns, strict=True)
                ]
                for row in zip(*values, strict=True):
                    yield RawRow(number, dict(zip(names, row, strict=True)))
                    number += 1
        except (pa.ArrowException, OSError) as error:
            raise BadData(f"{file} can't be read to its end: {error}") from None


def _python_values(column: pa.Array, *, decode: bool) -> list[Any]:
    """A column as Python values. `to_pylist` would raise on broken UTF-8 and on far dates.

    Args:
        column: any Arrow array.
        decode: whether bytes are text (old writers don't mark it), as in all columns but images.
    """
    kind = column.type
    if isinstance(column, pa.DictionaryArray):
        return _python_values(column.dictionary_decode(), decode=decode)
    if isinstance(column, pa.ExtensionArray):
        return _python_values(column.storage, decode=decode)
    if kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind):
        return [_decode(value) for value in column.cast(pa.large_binary()).to_pylist()]
    if kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_binary_view(kind):
        values = column.to_pylist()
        return [_decode(value) for value in values] if decode else values
    if kinds.is_timestamp(kind):
        per_second = _PER_SECOND[kind.unit]
        return [_microseconds(value, per_second) for value in column.cast(pa.int64()).to_pylist()]
    if kinds.is_date32(kind):
        return [_microseconds(day, 1, 86_400) for day in column.cast(pa.int32()).to_pylist()]
    if kinds.is_date64(kind):
        return [_microseconds(value, 1000) for value in column.cast(pa.int64()).to_pylist()]
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        parts = iter(_python_values(column.flatten(), decode=decode))
        lengths = column.value_lengths().to_pylist()
        return [None if n is None else [next(parts) for _ in range(n)] for n in lengths]
    if kinds.is_struct(kind):
        return _structs(column)
    if kinds.is_primitive(kind) or kinds.is_decimal(kind) or kinds.is_null(kind):
        return column.to_pylist()
    return [Unsupported(str(kind)) if valid else None for valid in column.is_valid().to_pylist()]


def _structs(column: pa.StructArray) -> list[dict[str, Any] | None]:
    """Structs as dictionaries: `{bytes, path}` is how image datasets are often written."""
    names = [field.name for field in column.type]
    parts = [
        _python_values(part, decode=name != "bytes")
        for name, part in zip(names, column.flatten(), strict=True)
    ]
    return [
        {name: part[row] for name, part in zip(names, parts, strict=True)} if valid else None
        for row, valid in enumerate(column.is_valid().to_pylist())
    ]


def _decode(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "surrogateescape")


def _microseconds(value: int | None, per_second: int, seconds: int = 1) -> Microseconds | None:
    return None if value is None else Microseconds(value * seconds * 10**6 // per_second)
