"""A forgetting that is under way: the one place that still knows the ids, until it is done."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from recsys.forgetting.receipt import FOLDER, write_whole
from recsys.forgetting.subject import Subject


@dataclass(frozen=True)
class Pending:
    """What is to be forgotten, and what was taken already.

    The event database forgets first, and with it which posts were whose; so this is written before,
    and a forgetting that was cut short finds here what to look for.

    Attributes:
        subject: with all that was found of it.
        places: what each place has lost so far.
    """

    subject: Subject
    places: dict[str, dict[str, int]] = field(default_factory=dict)

    def save(self, workspace: Path) -> None:
        """Write it, on disk when this returns."""
        path = _path(workspace, self.subject.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(asdict(self)))

    def counted(self, place: str, counts: dict[str, int]) -> "Pending":
        """With what a place has lost now."""
        before = self.places.get(place, {})
        names = [*before, *(name for name in counts if name not in before)]
        total = {name: before.get(name, 0) + counts.get(name, 0) for name in names}
        return Pending(self.subject, {**self.places, place: total})


def load(workspace: Path, digest: str) -> Pending | None:
    """The forgetting of a subject that was cut short, if one was."""
    try:
        tree = json.loads(_path(workspace, digest).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    told = tree["subject"]
    more = {name: tuple(told[name]) for name in ("posts", "authors", "contents")}
    return Pending(Subject(told["kind"], told["id"], **more), tree["places"])


def discard(workspace: Path, digest: str) -> None:
    """It is done: write over the ids, and remove the file."""
    path = _path(workspace, digest)
    if path.exists():
        path.write_bytes(b"\0" * path.stat().st_size)
        path.unlink()


def under_way(workspace: Path) -> int:
    """How many forgettings were cut short."""
    return len(list((workspace / FOLDER / "pending").glob("*.json")))


def _path(workspace: Path, digest: str) -> Path:
    return workspace / FOLDER / "pending" / f"{digest}.json"
