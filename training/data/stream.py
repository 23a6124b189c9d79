"""Checked rows of a table as a stream of Ray Data: in order, in parallel, never loaded whole."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import cast

import pyarrow as pa
import ray

from training.data.read import Piece, TableSource, read_piece
from training.data.sources import SourceFile
from training.data.tables import CHECKED
from training.data.validate import Rules, check_rows
from training.errors import BadData

_MOST_TASKS = 1024


def checked_blocks(source: TableSource, rules: Rules) -> Iterator[pa.Table]:
    """Tables of `CHECKED[source.table]` in the order of the source.

    Each task reads and checks some pieces and hands on bounded blocks; Ray Data holds tasks back
    when the consumer is slower. The order makes the first of two equal ids the good one, on every
    run and any cluster.

    Raises: BadData if a file breaks off.
    """
    if not source.pieces:
        return
    with _in_order():
        dataset = ray.data.from_items(
            [asdict(piece) for piece in source.pieces],
            override_num_blocks=min(len(source.pieces), _MOST_TASKS),
        ).map_batches(
            partial(_check_pieces, table=source.table, rules=rules),
            batch_size=None,
            batch_format="pyarrow",
        )
        blocks = dataset.iter_batches(batch_size=None, batch_format="pyarrow")
        for block in cast(Iterator[pa.Table], blocks):
            broken = block["_broken"].drop_null()
            if len(broken):
                raise BadData(broken[0].as_py())
            yield block.select(CHECKED[source.table].names)


def _check_pieces(pieces: pa.Table, *, table: str, rules: Rules) -> Iterator[pa.Table]:
    """The work of one task. A broken file is told in a column: Ray would wrap an exception, log its
    traceback, and hide what the user must read.
    """
    for row in pieces.to_pylist():
        piece = Piece(SourceFile(**row["file"]), row["format"], tuple(row["groups"]))
        try:
            for block in check_rows(table, read_piece(table, piece), piece.file.name, rules):
                yield block.append_column("_broken", pa.nulls(len(block), pa.string()))
        except BadData as error:
            nothing = [pa.nulls(1, field.type) for field in CHECKED[table]]
            block = pa.table(nothing, schema=CHECKED[table])
            yield block.append_column("_broken", pa.array([str(error)]))


@contextmanager
def _in_order() -> Iterator[None]:
    """Ray Data with ordered blocks, and without bars and notes on its plans; warnings stay."""
    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    levels = {"ray.data": logging.WARNING, "ray.data._internal.progress": logging.ERROR}
    before = {name: logging.getLogger(name).level for name in levels}
    try:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        with ray.data.DataContext.current(context):
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
