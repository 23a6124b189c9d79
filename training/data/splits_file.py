"""The split of clean posts on disk, made in some bytes a post."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.data.columns import id_hashes
from training.data.config import SplitConfig
from training.data.files import parts_of
from training.data.report import CheckReport
from training.data.split import PARTS, split_codes

_ROWS_AT_ONCE = 1 << 14


def write_splits(folder: Path, report: CheckReport, config: SplitConfig) -> dict[str, int]:
    """Write the part of each post to `splits.parquet`.

    Args:
        folder: of clean tables.
        report: of the posts in it.
        config: how they are split.
    Returns: how many posts each part has, the largest first.
    Raises: BadData as `split_codes`.
    """

    def column(name: str) -> Iterator[pa.RecordBatch]:
        for path in parts_of(folder / "posts"):
            with pq.ParquetFile(path, pre_buffer=False) as file:
                yield from file.iter_batches(_ROWS_AT_ONCE, columns=[name])

    rows = report.tables["posts"].kept
    people = id_hashes(lambda: column("user_id"), rows)
    authors = np.unique(people, return_inverse=True)[1].astype(np.int32)
    created_at = None
    if not report.posts_without_date:
        created_at = np.empty(rows, np.int64)
        at = 0
        for batch in column("created_at"):
            created_at[at : at + len(batch)] = batch.column(0).cast(pa.int64()).to_numpy()
            at += len(batch)
    ids = (id for batch in column("post_id") for id in batch.column(0).to_pylist())
    codes = split_codes(ids, authors, created_at, config)
    schema = pa.schema([pa.field("post_id", pa.string()), pa.field("split", pa.string())])
    with pq.ParquetWriter(folder / "splits.parquet", schema) as writer:
        at = 0
        for batch in column("post_id"):
            names = [PARTS[code] for code in codes[at : at + len(batch)].tolist()]
            columns = [batch.column(0), pa.array(names, pa.string())]
            writer.write_table(pa.table(columns, schema=schema))
            at += len(batch)
    counts = zip(PARTS, np.bincount(codes, minlength=len(PARTS)).tolist(), strict=True)
    return {part: count for part, count in sorted(counts, key=lambda one: -one[1]) if count}
