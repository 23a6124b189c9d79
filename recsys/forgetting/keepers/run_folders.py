"""Folders of trainings and searches: what their workers read and wrote."""

import json
from pathlib import Path

from recsys.forgetting.keeper import Erased, Left
from recsys.forgetting.keepers.prepared_data import drop, held
from recsys.forgetting.search import Found
from recsys.forgetting.subject import Subject
from training.search import BEST
from training.towers import SPACE_FILE, USERS_FILE

_USED_UP = ("examples", "checkpoints", "trials")


class RunFolders:
    """The folders below `<workspace>/runs` and `<workspace>/searches`.

    A run that learned from the subject loses what its workers read (features of every post) and
    its checkpoints (a vector of every person, and its moments). Both serve to go on with a run
    that was cut short, and such a run must begin anew. Its model stays; see `SavedModels`.
    A search that has ended keeps neither; one that was cut short loses both.

    Args:
        workspace: of the product.
    """

    name = "training runs"

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def erase(self, subject: Subject) -> Erased:
        """Drop inputs and checkpoints of runs that learned from the subject."""
        counts: dict[str, int] = {}
        left = []
        runs = sorted(self._workspace.glob("runs/*/"))
        for run in [*runs, *sorted(self._workspace.glob("searches/*/"))]:
            if not learned_from(run / "examples" / USERS_FILE, subject):
                continue
            lock = run / "driver.lock"
            if lock.exists() and held(lock):
                until = "`commonspace forget` once more, when the training has ended"
                left.append(Left(f"run {run.name}, which is being trained now", until, blocks=True))
                continue
            what, command = ("run", "train") if run in runs else ("search", "tune")
            if not any((run / last).exists() for last in (f"model/{SPACE_FILE}", BEST)):
                left.append(
                    Left(
                        f"{what} {run.name} was cut short and can't be resumed any more",
                        f"commonspace {command} --name {run.name} --new",
                    )
                )
            for name in reversed(_USED_UP):  # what says that it learned goes last
                if (run / name).is_dir():
                    drop(run / name)
                    counts[name] = counts.get(name, 0) + 1
        return Erased(counts, tuple(left))

    def holds(self, subject: Subject) -> list[Found]:
        """None: they are files."""
        return []


def learned_from(users: Path, subject: Subject) -> bool:
    """Whether a list of the people of a run, or model, names an author of the subject."""
    try:
        known = json.loads(users.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return not set(subject.authors).isdisjoint(known)
