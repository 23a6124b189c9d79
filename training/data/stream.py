"""Checked rows of a table as a stream of Ray Data: in order, in parallel, never loaded whole."""

from collections.abc import Iterator
from dataclasses import asdict

import pyarrow as pa
import ray
from ray.exceptions import RayTaskError

from training.data.read import Piece, TableSource, read_piece
from training.data.validate import Rules, check_rows
from training.errors import CommonspaceError

_MOST_TASKS = 1024


def checked_blocks(source: TableSource, rules: Rules) -> Iterator[pa.Table]:
    """Tables of `CHECKED[source.table]` in the order of the source.

    Each task reads and checks some pieces and hands on bounded blocks; Ray Data holds tasks back
    when the consumer is slower. The order makes the first of two equal ids the good one, on every
    run and any cluster.

    Raises: CommonspaceError if a file breaks off.
    """
    if not source.pieces:
        return
    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    with ray.data.DataContext.current(context):
        dataset = ray.data.from_items(
            [asdict(piece) for piece in source.pieces],
            override_num_blocks=min(len(source.pieces), _MOST_TASKS),
        ).map_batches(
            _check_pieces,
            batch_size=None,
            batch_format="pyarrow",
            fn_kwargs={"table": source.table, "rules": rules},
        )
        try:
            yield from dataset.iter_batches(batch_size=None, batch_format="pyarrow")
        except RayTaskError as error:
            cause = error.cause
            raise (cause if isinstance(cause, CommonspaceError) else error) from None


def _check_pieces(pieces: pa.Table, *, table: str, rules: Rules) -> Iterator[pa.Table]:
    for row in pieces.to_pylist():
        piece = Piece(**{**row, "groups": tuple(row["groups"])})
        yield from check_rows(table, read_piece(table, piece), piece.name, rules)
