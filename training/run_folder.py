"""Where a run keeps what it writes, and whether a name may be used again."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import yaml

from training.checkpoint import latest
from training.config import Config
from training.errors import BadConfig, Conflict, NotFound

CONFIG = "config.yaml"
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_MAY_CHANGE = ("acceleration", "scaling", "tracking", "logs")
"""Parts of the configuration that a resumed run may have otherwise than before."""


class RunFolder:
    """One training's folder below `workspace/runs`.

    Args:
        workspace: the product's folder.
        name: of the run: letters, digits, dot, dash and underscore.
    """

    def __init__(self, workspace: Path, name: str) -> None:
        if not RUN_NAME.fullmatch(name):
            raise BadConfig(
                f"run name {name!r} is not usable",
                hint="use up to 100 letters, digits, dots, dashes and underscores",
            )
        self.name = name
        self.path = workspace.absolute() / "runs" / name

    @property
    def examples(self) -> Path:
        """What workers read."""
        return self.path / "examples"

    @property
    def checkpoints(self) -> Path:
        """What workers write."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The trained space, as `Space.save` writes it."""
        return self.path / "model"

    @property
    def plots(self) -> Path:
        """Pictures of the run."""
        return self.path / "plots"

    def claim(self, config: Config, *, resume: bool, new: bool) -> None:
        """Decide what a name that was used before means; call it under the run's lock.

        Args:
            config: of this training; kept in the folder.
            resume: go on from the newest whole checkpoint; the configuration must be the same but
                for `acceleration`, `scaling`, `tracking` and `logs`.
            new: begin anew; what was there is deleted.

        Raises:
            Conflict: the name was used and neither was asked for, or the configuration differs.
            NotFound: there is nothing to resume.
        """
        saved = self.path / CONFIG
        if resume:
            if not saved.exists():
                raise NotFound(
                    f"there is no run {self.name!r} to resume in {self.path.parent}",
                    hint=f"runs: {', '.join(runs(self.path.parent.parent)) or 'none'}",
                )
            _require_same(saved, config)
        elif saved.exists() and not new:
            kept = "has a checkpoint" if latest(self.checkpoints) else "has begun"
            raise Conflict(
                f"run {self.name!r} {kept} already",
                hint="--resume goes on with it, --new begins it anew, --name gives another name",
            )
        elif new:
            for child in self.path.iterdir():
                if child.name in ("driver.lock", "owner"):
                    continue
                shutil.rmtree(child) if child.is_dir() else child.unlink()
        saved.write_text(config.to_yaml(), encoding="utf-8")


def runs(workspace: Path) -> list[str]:
    """Names of the runs of a workspace, the newest last."""
    found = sorted(workspace.glob(f"runs/*/{CONFIG}"), key=lambda path: path.stat().st_mtime)
    return [path.parent.name for path in found]


def fresh_name() -> str:
    """A name that no run has: the time, in UTC."""
    return datetime.now(UTC).strftime("run-%Y%m%d-%H%M%S-%f")[:-3]


def _require_same(saved: Path, config: Config) -> None:
    # parsed, so that fields that the run's release did not have yet have their defaults
    before = type(config).parse(yaml.safe_load(saved.read_text(encoding="utf-8")))
    before = yaml.safe_load(before.to_yaml())
    now = yaml.safe_load(config.to_yaml())
    changed = [
        part
        for part in sorted(set(before) | set(now))
        if part not in _MAY_CHANGE and before.get(part) != now.get(part)
    ]
    if changed:
        raise Conflict(
            f"the configuration differs from the run's in {', '.join(changed)}",
            hint=f"resume with `--config {saved}`, or begin anew with --new",
        )
