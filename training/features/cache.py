"""Features on disk by content: append-only, shared by runs, read through memory maps."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from training.data.files import replacing
from training.features.parts import HASH_BYTES, Part, compact, read_parts

_IN_MEMORY_BYTES = 1 << 30
_ROWS_AT_ONCE = 1 << 16


class FeatureCache:
    """One encoder's features by content hash (blake2b-128, hexadecimal).

    Several processes may append at once; at worst they encode the same content twice.

    Args:
        folder: of one encoder fingerprint; made if absent.
        width: of the features.
        in_memory_bytes: larger tables are gathered in a file and mapped.
    """

    def __init__(self, folder: Path, width: int, in_memory_bytes: int = _IN_MEMORY_BYTES) -> None:
        self.folder, self.width, self._in_memory_bytes = folder, width, in_memory_bytes
        folder.mkdir(parents=True, exist_ok=True)
        compact(folder, width)
        self._parts = read_parts(folder, width)
        self._index: _Index | None = None

    def missing(self, hashes: Sequence[str]) -> list[int]:
        """Positions of those hashes that have no features yet, ascending."""
        return np.flatnonzero(self._find(hashes) < 0).tolist()

    def append(self, hashes: Sequence[str], vectors: Tensor) -> None:
        """Keep the features of n contents: (n, width) float32."""
        if not len(hashes):
            return
        packed = torch.frombuffer(bytearray(_packed(hashes)), dtype=torch.uint8)
        part = Part(packed.view(-1, HASH_BYTES), vectors.detach().cpu().float().contiguous())
        self._parts.append(Part.open(part.write(self.folder)))
        self._index = None

    def gather(self, hashes: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """Features of N contents in order; rows without a content (None) are zero.

        A table that is too large for memory is a file in the cache's folder, mapped.

        Returns: (N, width) float32 on the CPU, and (N,) bool: where there is a content.
        Raises: KeyError if a content has no features.
        """
        present = np.array([h is not None for h in hashes], dtype=bool)
        places = np.full(len(hashes), -1, dtype=np.int64)
        places[present] = self._find([h for h in hashes if h is not None])
        if (places[present] < 0).any():
            raise KeyError("contents without features")
        if len(hashes) * self.width * 4 <= self._in_memory_bytes:
            table = np.zeros((len(hashes), self.width), dtype=np.float32)
            self._fill(table, places)
        else:
            table = self._mapped(hashes, places)
        return torch.from_numpy(table), torch.from_numpy(present)

    def _mapped(self, hashes: Sequence[str | None], places: np.ndarray) -> np.ndarray:
        """The table as a file, made when the hashes have changed."""
        digest = hashlib.blake2b("\n".join(h or "" for h in hashes).encode(), digest_size=16)
        path = self.folder / f"table-{digest.hexdigest()}.npy"
        if not path.exists():
            for old in self.folder.glob("table-*.npy"):
                old.unlink(missing_ok=True)  # who has it mapped keeps it
            with replacing(path) as fresh:
                shape = (len(hashes), self.width)
                table = np.lib.format.open_memmap(fresh, "w+", np.float32, shape)
                self._fill(table, places)
                table.flush()
        # copy on write: torch wants writable memory, and the file must not change
        return np.load(path, mmap_mode="c")

    def _fill(self, table: np.ndarray, places: np.ndarray) -> None:
        starts = self._indexed().starts
        for at in range(0, len(table), _ROWS_AT_ONCE):
            wanted = places[at : at + _ROWS_AT_ONCE]
            part_of = np.searchsorted(starts, wanted, side="right") - 1  # -1 for absent ones
            for number in np.unique(part_of[wanted >= 0]):
                rows = np.flatnonzero(part_of == number)
                vectors = self._parts[number].vectors.numpy()
                table[at + rows] = vectors[wanted[rows] - starts[number]]

    def _find(self, hashes: Sequence[str]) -> np.ndarray:
        """(n,) place of each hash among the rows of all parts; -1 if there is none."""
        known = self._indexed().hashes
        found = pc.index_in(_array(_packed(hashes)), value_set=known)  # type: ignore[attr-defined]
        return found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)

    def _indexed(self) -> "_Index":
        """The index of the parts, made when it is needed and parts have come."""
        if self._index is None:
            packed = b"".join(part.hashes.numpy().tobytes() for part in self._parts)
            starts = np.cumsum([0, *(len(part.hashes) for part in self._parts)])[:-1]
            self._index = _Index(_array(packed), starts)
        return self._index


class _Index(NamedTuple):
    """All rows of all parts, one part after the other."""

    hashes: pa.Array
    starts: np.ndarray
    """Row at which each part begins."""


def _packed(hashes: Sequence[str]) -> bytes:
    return b"".join(map(bytes.fromhex, hashes))


def _array(packed: bytes) -> pa.Array:
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(HASH_BYTES), len(packed) // HASH_BYTES, [None, pa.py_buffer(packed)]
    )
