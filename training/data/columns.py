"""Columns of clean posts as numpy arrays of few bytes a row, however many rows there are."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.identity import hash_id

HASH_BYTES = 16
_IN_MEMORY_BYTES = 1 << 24

Batches = Callable[[], Iterator[pa.RecordBatch]]
"""Reads a table anew, one column of it, some rows at a time."""


def text_array(batches: Batches, rows: int, folder: Path) -> np.ndarray:
    """(rows,) text: a numpy array of fixed width; in a file that nobody sees where it is large.

    The file has no name, and is gone when the array is.

    Args:
        batches: of one text column without nulls; read twice.
        rows: how many there are.
        folder: where the file may be.
    """
    longest = (pc.max(pc.utf8_length(batch.column(0))).as_py() or 1 for batch in batches())  # type: ignore[attr-defined]
    kind = np.dtype(f"<U{max(longest, default=1)}")
    if rows * kind.itemsize <= _IN_MEMORY_BYTES:
        column = np.empty(rows, kind)
    else:
        with tempfile.TemporaryFile(dir=folder) as file:
            column = np.memmap(file, kind, "w+", shape=(rows,))
    at = 0
    for batch in batches():
        column[at : at + len(batch)] = batch.column(0).to_pylist()
        at += len(batch)
    return column


def hash_array(batches: Batches, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Content hashes: (rows, 16) uint8, zero where there is none, and (rows,) bool: where one is.

    Args:
        batches: of one column of hexadecimal hashes.
        rows: how many there are.
    """
    hashes, present = np.zeros((rows, HASH_BYTES), np.uint8), np.zeros(rows, bool)
    at = 0
    for batch in batches():
        column = batch.column(0)
        there = column.is_valid().to_numpy(zero_copy_only=False)
        packed = bytes.fromhex("".join(column.drop_null().to_pylist()))
        some = slice(at, at + len(batch))
        present[some] = there
        hashes[some][there] = np.frombuffer(packed, np.uint8).reshape(-1, HASH_BYTES)
        at += len(batch)
    return hashes, present


def id_hashes(batches: Batches, rows: int) -> np.ndarray:
    """(rows,) uint64 hashes of ids; see `identity.hash_id`, by which the checks knew them."""
    found = np.empty(rows, np.uint64)
    at = 0
    for batch in batches():
        found[at : at + len(batch)] = [hash_id(text) for text in batch.column(0).to_pylist()]
        at += len(batch)
    return found
