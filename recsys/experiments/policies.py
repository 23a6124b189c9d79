"""Where logs and policies come from: the event database, and tables in files."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, json, parquet

from recsys.events.outcomes import OutcomeReader
from recsys.events.shadows import Shadows
from recsys.experiments.config import ExperimentConfig
from recsys.experiments.logs import PolicyPosts, ShownPosts
from training.errors import BadData, NotFound

_READERS = {".parquet": parquet.read_table, ".csv": csv.read_csv, ".jsonl": json.read_json}
_COLUMNS = {
    "request_id": pa.string(),
    "position": pa.int64(),
    "post_id": pa.string(),
    "probability": pa.float64(),
}
_AROUND = timedelta(days=1)


def shown_in(
    experiment: ExperimentConfig, outcomes: OutcomeReader, now: datetime, variant: str | None = None
) -> ShownPosts:
    """What was shown in an experiment at least a window ago, and what it was worth.

    Args:
        experiment: which.
        outcomes: of the event database.
        now: with its zone.
        variant: the one whose people count; None: all.
    Raises: NotFound if there is nothing.
    """
    span = outcomes.span(experiment.name)
    window = round(experiment.window_hours * 3600)
    end = now - timedelta(seconds=window)
    rows = outcomes.each(experiment.name, span[0], end, window, experiment.values) if span else []
    names = ("request_id", "user_id", "position", "post_id", "propensity", "reward")
    columns = _columns(
        tuple(getattr(row, name) for name in names)
        for row in rows
        if variant is None or row.variant == variant
    )
    if not columns:
        where = f"variant {variant!r} of " if variant else ""
        raise NotFound(
            f"{where}experiment {experiment.name!r} has no exposure older than its window of "
            f"{experiment.window_hours:g} hours"
        )
    return ShownPosts(*columns)


def shadow_policy(
    experiment: ExperimentConfig, variant: str, shadows: Shadows, now: datetime
) -> PolicyPosts:
    """What a shadow variant would have shown: the one list that it drew for each request.

    Raises: BadConfig for an unknown variant; NotFound if nothing was computed for it.
    """
    experiment.variant(variant)
    begin = experiment.start or datetime(1970, 1, 1, tzinfo=UTC)
    rows = shadows.since(experiment.name, variant, begin, now + _AROUND)
    columns = _columns((row.request_id, row.position, row.post_id, 1.0) for row in rows)
    if not columns:
        raise NotFound(
            f"nothing was computed for variant {variant!r} of experiment {experiment.name!r}",
            hint="name it under `shadow`, and let the service answer for a while",
        )
    return PolicyPosts(*columns)


def policy_from(path: Path) -> PolicyPosts:
    """A policy as a table with the columns request_id, position, post_id and probability.

    Args:
        path: Parquet, CSV or JSON lines.
    Raises: BadData naming the file and column.
    """
    reader: Any = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadData(f"{path} must end in {', '.join(_READERS)}")
    try:
        table = reader(path)
    except FileNotFoundError:
        raise BadData(f"there is no file {path}") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise BadData(f"{path} can't be read: {error}") from None
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise BadData(f"{path} has no column {', '.join(missing)}")
    try:
        table = table.select(list(_COLUMNS)).cast(pa.schema(_COLUMNS))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadData(f"a column of {path} has the wrong type: {error}") from None
    for name in _COLUMNS:
        if table[name].null_count:
            raise BadData(f"column {name} of {path} has {table[name].null_count} empty cells")
    return PolicyPosts(*(table[name].to_numpy() for name in _COLUMNS))


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[np.ndarray]:
    return [np.array(column) for column in zip(*rows, strict=True)]
