"""Rows that `commonspace events import` put aside: they hold ids and texts as they came."""

import os
from pathlib import Path

from recsys.events.rejects import FOLDER
from recsys.forgetting.keeper import Erased
from recsys.forgetting.needles import Needle, id_needles
from recsys.forgetting.search import Found
from recsys.forgetting.subject import Subject


class ImportQuarantine:
    """The files of bad rows in the workspace; a row that names the subject goes.

    Args:
        workspace: of the product.
    """

    name = "quarantine of imports"

    def __init__(self, workspace: Path) -> None:
        self._home = workspace / FOLDER

    def erase(self, subject: Subject) -> Erased:
        """Write the files anew without those rows; a file that has no others goes."""
        needles = id_needles(subject.ids)
        gone = sum(_without(path, needles) for path in sorted(self._home.glob("*.jsonl")))
        return Erased({"rows": gone} if gone else {})

    def holds(self, subject: Subject) -> list[Found]:
        """None: they are files."""
        return []


def _without(path: Path, needles: list[Needle]) -> int:
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not any(one.count(line, text=True) for one in needles)]
    if len(kept) < len(lines):
        draft = path.with_name(f".{path.name}.tmp")
        draft.write_bytes(b"".join(kept))
        os.replace(draft, path)
        if not kept:
            path.unlink()
    return len(lines) - len(kept)
