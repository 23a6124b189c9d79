"""Saved models: the names of the people that they learned, and a vector of each."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from safetensors.torch import load_file, save_file

from recsys.forgetting.keeper import Erased, Left
from recsys.forgetting.keepers.tracker import Tracker
from recsys.forgetting.search import Found
from recsys.forgetting.subject import Subject
from training.towers import SPACE_FILE, USERS_FILE, WEIGHTS_FILE
from training.tracking.artifact import folder_digest

NOBODY = "(forgotten)"
"""In place of a name in a model's list: no id, so that nobody is ever taken for it."""
_ELSEWHERE = "another version takes its place and its files are deleted where they lie"
_IDENTITIES = "identities.weight"


class SavedModels:
    """Every folder of the workspace that a space was saved to: of runs, of MLflow, downloaded.

    The name goes from the list and the learned vector becomes zero; what the other weights have
    learned from the subject stays until the next training. MLflow keeps a digest of the files of a
    registered model, which is renewed.

    Args:
        workspace: of the product.
        tracker: that registered them.
    """

    name = "saved models"

    def __init__(self, workspace: Path, tracker: Tracker) -> None:
        self._workspace, self._tracker = workspace, tracker

    def erase(self, subject: Subject) -> Erased:
        """Take a person out of every model; of a post, only say which models learned from it."""
        learned = [space for space in self._spaces() if _learned(space, subject)]
        changed = [space for space in learned if subject.people & set(_users(space))]
        for space in changed:
            self._take_out(space, subject)
        left = tuple(
            Left(
                f"{title} has learned from {'them' if subject.kind == 'person' else 'it'}",
                "the next `commonspace train` leaves them out, and `commonspace index` after it "
                "puts its model into use",
            )
            for title in self._titles(learned)
        )
        left += tuple(
            Left(f"the files of {title}, outside the workspace, were not touched", _ELSEWHERE)
            for title, space in self._tracker.outside()
            if _learned(space, subject)
        )
        return Erased({"models": len(changed)} if changed else {}, left)

    def holds(self, subject: Subject) -> list[Found]:
        """None: they are files."""
        return []

    def _spaces(self) -> Iterator[Path]:
        for path in sorted(self._workspace.rglob(SPACE_FILE)):
            if (path.parent / USERS_FILE).is_file() and (path.parent / WEIGHTS_FILE).is_file():
                yield path.parent

    def _titles(self, spaces: list[Path]) -> list[str]:
        """What people call these models, each once: run and registered version are one."""
        titles = [self._tracker.version_at(space) for space in spaces]
        registered = [f"model version {title}" for title in titles if title]
        others = [
            f"the model in {space.relative_to(self._workspace)}"
            for space, title in zip(spaces, titles, strict=True)
            if not title
        ]
        return sorted(set(registered)) or others

    def _take_out(self, space: Path, subject: Subject) -> None:
        """Renew the registered digest, then the weights, then the list: cut short, it is redone."""
        users = _users(space)
        rows = [row for row, user in enumerate(users) if user in subject.people]
        staged = Path(tempfile.mkdtemp(dir=space.parent, prefix=".forgetting-"))
        try:
            copy = staged / space.name
            shutil.copytree(space, copy, copy_function=os.link)
            weights = load_file(space / WEIGHTS_FILE)
            for name, tensor in weights.items():
                if name.endswith(_IDENTITIES):
                    tensor[rows] = 0
            _renew(copy / WEIGHTS_FILE, lambda path: save_file(weights, path))
            named = json.dumps([NOBODY if row in set(rows) else u for row, u in enumerate(users)])
            _renew(copy / USERS_FILE, lambda path: path.write_text(named, encoding="utf-8"))
            self._tracker.set_digest(space, folder_digest(copy))
            os.replace(copy / WEIGHTS_FILE, space / WEIGHTS_FILE)
            os.replace(copy / USERS_FILE, space / USERS_FILE)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def _renew(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file anew, not into one that it is a link to."""
    path.unlink()
    write(path)


def _users(space: Path) -> list[str]:
    try:
        return json.loads((space / USERS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def _learned(space: Path, subject: Subject) -> bool:
    return not set(subject.authors).isdisjoint(_users(space))
