"""Where a model came from: the commit of the code, and the environment it ran in."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import training


@dataclass(frozen=True)
class Commit:
    """A git commit and whether the checkout differed from it.

    Attributes:
        id: 40 hex digits.
        dirty: tracked files were changed, or new ones lay among them.
    """

    id: str
    dirty: bool


def checkout_commit(package: Path | None = None) -> Commit | None:
    """The commit that a package's code is checked out from.

    Args:
        package: folder with an `__init__.py`; ours if None.
    Returns: None if the code isn't tracked by git (an installed wheel, even one inside somebody
        else's checkout), nothing is committed yet, or there is no git.
    """
    folder = package or Path(training.__file__).parent
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain")
    if commit is None or changes is None:
        return None
    return Commit(commit.strip(), bool(changes.strip()))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def installed_packages() -> str:
    """Name and version of each installed distribution, one a line, as pip would freeze them."""
    found = {(each.metadata["Name"] or "").lower(): each.version for each in distributions()}
    return "".join(f"{name}=={found[name]}\n" for name in sorted(found) if name)


def platform_facts() -> dict[str, str]:
    """Python, operating system and processors; no host or user name."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": str(os.cpu_count()),
    }
