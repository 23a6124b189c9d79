"""The models in a backup: which versions, where their files lie, and their new place afterwards."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from training.errors import BadData
from training.tracking.config import TrackingConfig
from training.tracking.server import Tracking
from training.tracking.versions import CHAMPION, ModelVersion, list_models

DATABASE = "mlflow.db"
_MODEL_FILE = "MLmodel"


def tracked_in(database: Path, config: TrackingConfig, workspace: Path) -> list[ModelVersion]:
    """The registered versions as a copy of MLflow's database has them."""
    uri = f"sqlite:///{database.absolute()}"
    return list_models(Tracking(config.model_copy(update={"uri": uri}), workspace))


def worth_keeping(models: Sequence[ModelVersion], live: str | None) -> list[ModelVersion]:
    """The champion, the one before it for a rollback, and the one that the live index is of."""
    champion = champion_among(models)
    wanted = {live} if live else set[str]()
    if champion is not None:
        wanted |= {str(champion.version), str(champion.previous)}
    return [model for model in models if str(model.version) in wanted]


def champion_among(models: Sequence[ModelVersion]) -> ModelVersion | None:
    """The one with the alias."""
    return next((model for model in models if CHAMPION in model.aliases), None)


def copy_artifacts(model: ModelVersion, workspace: Path, target: Path) -> None:
    """A version's files and those of its run, to the same places below `target`.

    Raises: BadData if they aren't in the workspace, or are gone.
    """
    home = workspace.resolve()
    for source in (_path(model.source), home / "mlartifacts" / model.run_id):
        if not source.is_relative_to(home):
            raise BadData(
                f"the files of model version {model.version} lie outside of the workspace: {source}"
            )
        if source.is_dir():
            shutil.copytree(source, target / source.relative_to(home), dirs_exist_ok=True)
        elif source == _path(model.source):
            raise BadData(
                f"the files of model version {model.version} are gone: {source}",
                hint="promote another version: commonspace models list",
            )


def relocate(workspace: Path, before: str, after: str) -> int:
    """Let MLflow's database and model files name another folder; how many places that were.

    Args:
        workspace: where the files are now.
        before: URI of the folder that they name.
        after: URI of the folder that they will be in.
    """
    changed = 0
    with closing(sqlite3.connect(workspace / DATABASE)) as connection, connection:
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (table,) in connection.execute(names).fetchall():
            for column in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
                changed += _renamed(connection, table, column[1], before, after)
    for path in (workspace / "mlartifacts").rglob(_MODEL_FILE):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(before, after), encoding="utf-8")
    return changed


def _renamed(
    connection: sqlite3.Connection, table: str, column: str, before: str, after: str
) -> int:
    # compared by their beginnings, since a path may hold what LIKE takes for a wildcard
    found = connection.execute(
        f'UPDATE "{table}" SET "{column}" = :after || substr("{column}", :length + 1) '
        f'WHERE substr("{column}", 1, :length + 1) IN (:before, :folder)',
        {"before": before, "folder": f"{before}/", "after": after, "length": len(before)},
    )
    return found.rowcount


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path)).resolve()
