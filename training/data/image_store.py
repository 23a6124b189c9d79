"""Images by row number, from a memory-mapped Arrow file that is built once from the Parquet parts.

Parquet is read by row groups; training reads single images in random order. Pages of the mapped
file are shared by all workers of a machine and dropped by the kernel when memory is short.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.data.files import exclusive, replacing

_SCHEMA = pa.schema([pa.field("image", pa.binary())])
_ROWS = 256
_BUFFER = 1 << 22


class ImageStore:
    """The images of a table's rows.

    Args:
        path: the Arrow file, built by `build`.
    """

    def __init__(self, path: Path) -> None:
        self._reader = pa.ipc.open_file(pa.memory_map(str(path)))
        counts = [
            self._reader.get_batch(i).num_rows for i in range(self._reader.num_record_batches)
        ]
        self._ends = np.cumsum([0, *counts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def read(self, rows: Sequence[int]) -> list[bytes | None]:
        """The encoded images of some rows, None where a row has none.

        Raises: IndexError if there is no such row.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"rows must lie in [0, {len(self)})")
        batches = np.searchsorted(self._ends, wanted, side="right") - 1
        offsets = wanted - self._ends[batches]
        return [
            self._reader.get_batch(batch).column(0)[offset].as_py()
            for batch, offset in zip(batches.tolist(), offsets.tolist(), strict=True)
        ]


def build(parts: Sequence[Path], path: Path) -> None:
    """Write the images of Parquet parts to an Arrow file, unless it is there.

    Several workers may call this at once: one builds, the others wait.
    """
    if path.exists():
        return
    with exclusive(path.with_suffix(".lock")):
        if path.exists():
            return
        for left_by_the_killed in path.parent.glob(f".{path.name}.*.partial"):
            left_by_the_killed.unlink()
        with replacing(path) as fresh, pa.ipc.new_file(str(fresh), _SCHEMA) as writer:
            for part in parts:
                with pq.ParquetFile(part, buffer_size=_BUFFER, pre_buffer=False) as file:
                    for batch in file.iter_batches(_ROWS, columns=["image"]):
                        writer.write_batch(batch.cast(_SCHEMA))
