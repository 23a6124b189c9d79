"""The files of a feature cache: each whole or absent, and named by the hash of what it holds."""

import hashlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.data.files import exclusive, replacing

HASH_BYTES = 16
_MOST_SMALL_PARTS = 64
_SMALL_ROWS = 4096

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """Features of n contents.

    Attributes:
        hashes: (n, 16) uint8.
        vectors: (n, width) float32; mapped from disk where the part was read from there.
    """

    hashes: Tensor
    vectors: Tensor

    @property
    def digest(self) -> str:
        """Hash of all of it."""
        digest = hashlib.blake2b(str(tuple(self.vectors.shape)).encode(), digest_size=16)
        digest.update(self.hashes.numpy().data)
        digest.update(self.vectors.numpy().data)
        return digest.hexdigest()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a part through a memory map. Raises: OSError or SafetensorError."""
        with safe_open(path, framework="pt") as file:
            return cls(file.get_tensor("hashes"), file.get_tensor("vectors"))

    def write(self, folder: Path) -> Path:
        """Appear in a folder, by a rename. Returns: the file."""
        path = folder / f"part-{self.digest}.safetensors"
        with replacing(path) as fresh:
            save_file({"hashes": self.hashes, "vectors": self.vectors}, fresh)
        return path


def read_parts(folder: Path, width: int) -> list[Part]:
    """All whole parts of a folder, in the order of their names.

    A spoiled part is dropped with a warning: what it held is encoded again.
    """
    return [part for _, part in _read(folder, width)]


def compact(folder: Path, width: int) -> None:
    """Join the small parts when there are many; a daily run that adds little makes one a day."""
    if len(_paths(folder)) <= _MOST_SMALL_PARTS:
        return
    with exclusive(folder / ".lock"):
        small = [(p, part) for p, part in _read(folder, width) if len(part.hashes) < _SMALL_ROWS]
        if len(small) <= _MOST_SMALL_PARTS:
            return
        whole = Part(
            torch.cat([part.hashes for _, part in small]),
            torch.cat([part.vectors for _, part in small]),
        ).write(folder)
        for path, _ in small:
            if path != whole:
                path.unlink(missing_ok=True)


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.safetensors"))


def _read(folder: Path, width: int) -> Iterator[tuple[Path, Part]]:
    paths = _paths(folder)
    with ThreadPoolExecutor(4) as pool:  # hashing doesn't hold Python's lock
        for path, part in zip(paths, pool.map(lambda p: _read_part(p, width), paths), strict=True):
            if part is not None:
                yield path, part


def _read_part(path: Path, width: int) -> Part | None:
    try:
        part = Part.open(path)
        if part.vectors.shape[1:] == (width,) and path.stem == f"part-{part.digest}":
            return part
    except FileNotFoundError:  # another process has just compacted it away
        return None
    except (OSError, SafetensorError):
        pass
    _LOG.warning("dropped %s: it is spoiled, and what it held is encoded again", path)
    path.unlink(missing_ok=True)
    return None
