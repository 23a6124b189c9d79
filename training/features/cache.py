"""Features on disk by content: append-only, shared by runs, read through memory maps."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.data.files import replacing
from training.features.hash_index import HashIndex
from training.features.parts import HASH_BYTES, Part, compact, read_parts

_IN_MEMORY_BYTES = 1 << 26
_ROWS_AT_ONCE = 1 << 16


class FeatureCache:
    """One encoder's features by content hash (blake2b-128, hexadecimal).

    Several processes may append at once; at worst they encode the same content twice. In memory are
    some bytes a content; features stay on disk.

    Args:
        folder: of one encoder fingerprint; made if absent.
        width: of the features.
        in_memory_bytes: larger tables are gathered in a file and mapped.
    """

    def __init__(self, folder: Path, width: int, in_memory_bytes: int = _IN_MEMORY_BYTES) -> None:
        self.folder, self.width, self._in_memory_bytes = folder, width, in_memory_bytes
        folder.mkdir(parents=True, exist_ok=True)
        compact(folder, width)
        self._parts: list[Part] = []
        self._starts: list[int] = []
        self._index = HashIndex()
        for part in read_parts(folder, width):
            self._take(part)

    def missing(self, hashes: Sequence[str]) -> list[int]:
        """Positions of those hashes that have no features yet, ascending."""
        return np.flatnonzero(self._index.find(_packed(hashes)) < 0).tolist()

    def append(self, hashes: Sequence[str], vectors: Tensor) -> None:
        """Keep the features of n contents: (n, width) float32."""
        if not len(hashes):
            return
        packed = torch.from_numpy(_packed(hashes))
        part = Part(packed, vectors.detach().cpu().float().contiguous())
        self._take(Part.open(part.write(self.folder)))

    def gather(self, hashes: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """Features of N contents in order; rows without a content (None) are zero.

        A table that is too large for memory is a file in the cache's folder, mapped.

        Returns: (N, width) float32 on the CPU, and (N,) bool: where there is a content.
        Raises: KeyError if a content has no features.
        """
        present = np.array([h is not None for h in hashes], dtype=bool)
        packed = np.zeros((len(hashes), HASH_BYTES), dtype=np.uint8)
        packed[present] = _packed([h for h in hashes if h is not None])
        return self.gather_packed(packed, present), torch.from_numpy(present)

    def gather_packed(self, packed: np.ndarray, present: np.ndarray) -> Tensor:
        """As `gather`, from (N, 16) uint8 and (N,) bool as they are: (N, width) float32."""
        places = np.full(len(packed), -1, dtype=np.int64)
        for at in range(0, len(packed), _ROWS_AT_ONCE):
            some = slice(at, at + _ROWS_AT_ONCE)
            found = self._index.find(packed[some])
            if (found[present[some]] < 0).any():
                raise KeyError("contents without features")
            places[some] = np.where(present[some], found, -1)
        if len(packed) * self.width * 4 <= self._in_memory_bytes:
            table = np.zeros((len(packed), self.width), dtype=np.float32)
            self._fill(table, places)
        else:
            table = self._mapped(packed, present, places)
        return torch.from_numpy(table)

    def _mapped(self, packed: np.ndarray, present: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The table as a file, made when the hashes have changed."""
        digest = hashlib.blake2b(np.ascontiguousarray(packed).data, digest_size=16)
        digest.update(present.tobytes())
        path = self.folder / f"table-{digest.hexdigest()}.npy"
        if not path.exists():
            for old in self.folder.glob("table-*.npy"):
                old.unlink(missing_ok=True)  # who has it mapped keeps it
            with replacing(path) as fresh:
                shape = (len(packed), self.width)
                table = np.lib.format.open_memmap(fresh, "w+", np.float32, shape)
                self._fill(table, places)
                table.flush()
        # copy on write: torch wants writable memory, and the file must not change
        return np.load(path, mmap_mode="c")

    def _fill(self, table: np.ndarray, places: np.ndarray) -> None:
        starts = np.array(self._starts, dtype=np.int64)
        for at in range(0, len(table), _ROWS_AT_ONCE):
            wanted = places[at : at + _ROWS_AT_ONCE]
            part_of = np.searchsorted(starts, wanted, side="right") - 1  # -1 for absent ones
            for number in np.unique(part_of[wanted >= 0]):
                rows = np.flatnonzero(part_of == number)
                vectors = self._parts[number].vectors.numpy()
                table[at + rows] = vectors[wanted[rows] - starts[number]]

    def _take(self, part: Part) -> None:
        self._starts.append(len(self._index))
        self._index.add(part.hashes.numpy())
        self._parts.append(part)


def _packed(hashes: Sequence[str]) -> np.ndarray:
    """(n, 16) uint8 of hexadecimal hashes."""
    packed = bytearray(bytes.fromhex("".join(hashes)))
    return np.frombuffer(packed, np.uint8).reshape(-1, HASH_BYTES)
