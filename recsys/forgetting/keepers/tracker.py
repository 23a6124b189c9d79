"""MLflow's database: errors that quote an id, and the digests of models."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from recsys.forgetting.keeper import Erased, Left
from recsys.forgetting.search import Found
from recsys.forgetting.subject import Subject
from training.tracking.artifact import SPACE_PATH
from training.tracking.config import TrackingConfig
from training.tracking.reachability import public_name
from training.tracking.server import Tracking
from training.tracking.versions import DIGEST_TAG, ModelVersion, list_models

FORGOTTEN = "(forgotten)"
_ERROR = "commonspace.error"
"""The only tag that quotes data: how a training ended. All others name settings and versions."""


class Tracker:
    """The database in the workspace; one elsewhere is never written to.

    Args:
        config: of MLflow.
        workspace: of the product.
    """

    name = "MLflow"

    def __init__(self, config: TrackingConfig, workspace: Path) -> None:
        self._config, self._workspace = config, workspace.absolute()

    @property
    def database(self) -> Path | None:
        """The database's file, if it lies in the workspace and is there."""
        uri = self._config.uri
        path = self._workspace / "mlflow.db" if uri is None else _sqlite_file(uri)
        if path is None or not path.resolve().is_relative_to(self._workspace.resolve()):
            return None
        return path if path.is_file() else None

    @property
    def elsewhere(self) -> bool:
        """Whether another place is named."""
        uri = self._config.uri
        if uri is None:
            return False
        path = _sqlite_file(uri)
        return path is None or not path.resolve().is_relative_to(self._workspace.resolve())

    def erase(self, subject: Subject) -> Erased:
        """Write over ids in the errors of runs, and over what they leave in the file."""
        if self.elsewhere:
            name = public_name(self._config.uri or "")
            until = "its runs and models are kept there: delete those that learned from the subject"
            return Erased(left=(Left(f"MLflow at {name} was not reached", until),))
        if self.database is None:
            return Erased()
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            with connection:
                changed = _alter(connection, subject.ids)
            if changed:
                connection.execute("VACUUM")
        return Erased({"errors of runs": changed} if changed else {})

    def holds(self, subject: Subject) -> list[Found]:
        """None: it is a file."""
        return []

    def version_at(self, space: Path) -> str | None:
        """The registered version whose files lie in a folder, as text; with `champion` if it is."""
        for model in self._models:
            if _folder_of(model) == space.resolve():
                alias = f" ({', '.join(model.aliases)})" if model.aliases else ""
                return f"{model.version}{alias}"
        return None

    def outside(self) -> list[tuple[str, Path]]:
        """Registered versions whose files lie on this machine but not in the workspace."""
        home = self._workspace.resolve()
        return [
            (f"model version {model.version}", folder)
            for model in self._models
            if (folder := _folder_of(model)) and not folder.is_relative_to(home)
        ]

    def set_digest(self, space: Path, digest: str) -> None:
        """Record anew what the files of a registered version hash to."""
        name = self._config.registered_model
        for model in self._models:
            if _folder_of(model) == space.resolve():
                version = str(model.version)
                self._tracking.call(
                    lambda client, version=version: client.set_model_version_tag(
                        name, version, DIGEST_TAG, digest
                    )
                )

    @cached_property
    def _tracking(self) -> Tracking:
        return Tracking(self._config, self._workspace)

    @cached_property
    def _models(self) -> list[ModelVersion]:
        return [] if self.database is None else list_models(self._tracking)


def _sqlite_file(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _folder_of(model: ModelVersion) -> Path | None:
    parts = urlsplit(f"{model.source}/{SPACE_PATH}")
    return Path(unquote(parts.path)).resolve() if parts.scheme in ("", "file") else None


def _alter(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tags'").fetchone():
        return 0
    changed = 0
    tags = connection.execute("SELECT rowid, value FROM tags WHERE key = ?", (_ERROR,)).fetchall()
    for row, value in tags:
        text = value
        for id in ids:
            text = replaced(text, id)
        if text != value:
            connection.execute("UPDATE tags SET value = ? WHERE rowid = ?", (text, row))
            changed += 1
    return changed


def replaced(text: str, id: str) -> str:
    """A text with another word in the place of an id."""
    return re.sub(
        rf"(?<![A-Za-z0-9_.:@/-]){re.escape(id)}(?![A-Za-z0-9_@/-]|[.:][A-Za-z0-9_.:@/-])",
        FORGOTTEN,
        text,
    )
