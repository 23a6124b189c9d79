"""Raw rows, as the readers of all formats hand them to the checks."""

from dataclasses import dataclass
from typing import Any

from training.data.quarantine import Reason


@dataclass(frozen=True)
class Malformed:
    """A line or record that is no row.

    Attributes:
        text: the line as far as it was read, for the quarantine.
    """

    reason: Reason
    detail: str
    text: str


@dataclass(frozen=True)
class RawRow:
    """One row of a source.

    Attributes:
        number: from 1: the row of a Parquet file, or the line of a text file where the row begins.
        values: by column; absent columns may be left out.
    """

    number: int
    values: dict[str, Any] | Malformed
