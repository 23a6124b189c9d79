"""Looking for ids and contents in every file of a folder: decoded where the format is known, raw
elsewhere, and raw also in what a database has deleted and not yet written over.
"""

import bz2
import gzip
import lzma
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recsys.forgetting.needles import Needle
from recsys.forgetting.search_sqlite import search_sqlite

_AT_ONCE = 1 << 22
_SAMPLE = 1 << 13
_ROWS = 4096
_SOURCE = "/artifacts/code/training/"


@dataclass(frozen=True)
class Found:
    """A place where something stands.

    Attributes:
        place: the file, below the folder that was searched, or a store.
        what: was found there, and where in it.
        mention: an id among the words of a text that is someone else's: theirs to change.
    """

    place: str
    what: str
    mention: bool = False


def search_folder(folder: Path, needles: Sequence[Needle]) -> list[Found]:
    """All places below a folder, hidden files included. Links are not followed.

    The product's own source, which MLflow keeps beside each model, is passed over: it says nothing
    of anybody, and has names in its examples.

    Args:
        folder: may be absent.
        needles: what to look for.
    """
    found: list[Found] = []
    for path in files_below(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".py" and _SOURCE in f"/{name}":
            continue
        for what, mention in search_file(path, needles):
            found.append(Found(name, what, mention))
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files, sorted within each folder."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path


def search_file(path: Path, needles: Sequence[Needle]) -> list[tuple[str, bool]]:
    """What of the needles stands in a file: (description, whether it is a mention)."""
    try:
        names = [(needle.what, False) for needle in needles if _in_name(needle, path.name)]
        return [(f"{what} in the file's name", no) for what, no in names] + _in_content(
            path, needles
        )
    except FileNotFoundError:  # gone meanwhile
        return []


def _in_name(needle: Needle, name: str) -> bool:
    return needle.word and needle.mentioned(name.encode(errors="surrogateescape"))


def _in_content(path: Path, needles: Sequence[Needle]) -> list[tuple[str, bool]]:
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(b"SQLite format 3\0"):
        return search_sqlite(path, needles)
    for magic, search in _FORMATS.items():
        if start.startswith(magic):
            try:
                return search(path, needles)
            except (pa.ArrowException, OSError, EOFError, ValueError, zipfile.BadZipFile):
                break  # torn, or something else with the same beginning
            except lzma.LZMAError:
                break
    if (
        path.name.endswith(("-wal", "-journal"))
        and path.with_name(path.name.rpartition("-")[0]).exists()
    ):
        return []  # looked at with its database
    with path.open("rb") as file:
        return _raw(iter(lambda: file.read(_AT_ONCE), b""), needles)


def _raw(pieces: Iterable[bytes], needles: Sequence[Needle]) -> list[tuple[str, bool]]:
    """Bytes that come in pieces; the ends of pieces are looked at together."""
    longest = max((len(needle.value) for needle in needles), default=0)
    longest += max((len(id) for needle in needles for id in needle.longer), default=0) + 2
    counts = dict.fromkeys(range(len(needles)), 0)
    tail, text = b"", None
    for piece in pieces:
        if text is None:
            text = _is_text(piece[:_SAMPLE])
        data = tail + piece
        for number, needle in enumerate(needles):
            if needle.value in data:
                # what lies in the tail alone was counted before
                fresh = needle.count(data, text=text) - needle.count(tail, text=text)
                counts[number] += max(0, fresh)
        tail = data[-longest:]
    kind = "text" if text else "bytes"
    return [
        (f"{needles[number].what} in its {kind}, {count} times", False)
        for number, count in counts.items()
        if count
    ]


def _is_text(sample: bytes) -> bool:
    if b"\0" in sample:
        return False
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(sample) - 3  # cut within a character
    return True


def _unpacked(opener: Callable[..., Any]) -> Callable[..., list[tuple[str, bool]]]:
    def search(path: Path, needles: Sequence[Needle]) -> list[tuple[str, bool]]:
        with opener(path, "rb") as file:
            return _raw(iter(lambda: file.read(_AT_ONCE), b""), needles)

    return search


def _zstd(path: Path, needles: Sequence[Needle]) -> list[tuple[str, bool]]:
    with pa.input_stream(str(path), compression="zstd") as file:
        return _raw(iter(lambda: file.read(_AT_ONCE), b""), needles)


def _zip(path: Path, needles: Sequence[Needle]) -> list[tuple[str, bool]]:
    found = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                inside = _raw(iter(lambda file=file: file.read(_AT_ONCE), b""), needles)
            found += [(f"{what} of {name}", mention) for what, mention in inside]
    return found


def _parquet(path: Path, needles: Sequence[Needle]) -> list[tuple[str, bool]]:
    """All values, and the least and greatest that the footer keeps of each column."""
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(_ROWS)
        found = _in_batches(batches, needles)
        metadata = file.metadata
        for group in range(metadata.num_row_groups):
            for column in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(column)
                ends = chunk.statistics
                if ends is None or not ends.has_min_max:
                    continue
                values = [_as_bytes(ends.min), _as_bytes(ends.max)]
                for needle in needles:
                    if any(value is not None and needle.equals(value) for value in values):
                        found[f"{needle.what} in the footer of {chunk.path_in_schema}"] = False
        return list(found.items())


def _arrow(path: Path, needles: Sequence[Needle]) -> list[tuple[str, bool]]:
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        return list(_in_batches(batches, needles).items())


def _in_batches(batches: Iterable[pa.RecordBatch], needles: Sequence[Needle]) -> dict[str, bool]:
    """Description to whether it is a mention."""
    found: dict[str, bool] = {}
    for batch in batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            for leaf in _leaves(column):
                for needle in needles:
                    if (hit := _in_leaf(leaf, needle)) is not None:
                        found.setdefault(f"{needle.what} in column {name}", hit)
                        if not hit:
                            found[f"{needle.what} in column {name}"] = False
    return found


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    """The plain arrays that a nested one is made of."""
    if isinstance(array, pa.DictionaryArray):
        yield from _leaves(array.dictionary_decode())
    elif isinstance(array, pa.ExtensionArray):
        yield from _leaves(array.storage)
    elif pa.types.is_nested(array.type):
        for part in array.flatten() if pa.types.is_struct(array.type) else [array.flatten()]:
            yield from _leaves(part)
    else:
        yield array


def _in_leaf(array: pa.Array, needle: Needle) -> bool | None:
    """Whether the hit is a mention; None without one."""
    kind = array.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_binary(kind)):
        plain = b"".join(buffer.to_pybytes() for buffer in array.buffers()[1:] if buffer)
        return False if not needle.word and needle.value in plain else None
    hit = None
    if not any(buffer and needle.value in buffer.to_pybytes() for buffer in array.buffers()[1:]):
        return None
    for value in array.to_pylist():
        data = _as_bytes(value)
        if data is None:
            continue
        if needle.equals(data):
            return False
        if needle.mentioned(data):
            hit = True
    return hit


def _is_binary(kind: pa.DataType) -> bool:
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _as_bytes(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value if isinstance(value, bytes) else None


_FORMATS: dict[bytes, Callable[[Path, Sequence[Needle]], list[tuple[str, bool]]]] = {
    b"PAR1": _parquet,
    b"ARROW1": _arrow,
    b"\x1f\x8b": _unpacked(gzip.open),
    b"BZh": _unpacked(bz2.open),
    b"\xfd7zXZ\0": _unpacked(lzma.open),
    b"\x28\xb5\x2f\xfd": _zstd,
    b"PK\x03\x04": _zip,
}
"""How a file begins, and how it is read."""
