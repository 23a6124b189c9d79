"""The receipt of a forgetting: what was taken from where, and what is left; no id is in it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recsys.forgetting.keeper import Left
from recsys.forgetting.subject import Kind

FOLDER = "forgetting"
"""In the workspace: receipts, and what is under way."""


@dataclass(frozen=True)
class Receipt:
    """One forgetting, as it ended.

    Attributes:
        digest: hash of the kind and id; whoever knows the id can find the receipt by it.
        kind: person or post.
        at: when it ended, ISO 8601 in UTC.
        places: what each place lost; empty where it held nothing.
        left: what still has to happen, and what ends it.
        complete: whether no place is left that has to be gone over again.
    """

    digest: str
    kind: Kind
    at: str
    places: dict[str, dict[str, int]]
    left: tuple[Left, ...]
    complete: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def keep(workspace: Path, receipt: Receipt) -> Path:
    """Add a receipt to those of the same subject, the latest first; the file."""
    path = path_of(workspace, receipt.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = [receipt.as_dict(), *receipts(workspace, receipt.digest)]
    write_whole(path, json.dumps(kept, indent=1))
    return path


def receipts(workspace: Path, digest: str) -> list[dict[str, Any]]:
    """The receipts of a subject as plain data, the latest first."""
    try:
        return json.loads(path_of(workspace, digest).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def path_of(workspace: Path, digest: str) -> Path:
    """Where the receipts of a subject are."""
    return workspace / FOLDER / "receipts" / f"{digest}.json"


def write_whole(path: Path, text: str) -> None:
    """Write a file that is on disk, whole, when this returns."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
