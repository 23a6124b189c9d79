"""What a job finds on the cluster: our packages, their dependencies, its settings."""

import re
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from training.config import Config
from training.errors import BadConfig

DISTRIBUTION = "commonspace"
EXCLUDED = ("**/__pycache__/", "*.pyc")


class JobConfig(Config):
    """How the environment of a job is made on the cluster."""

    runtime: Literal["working_dir", "pip", "none"] = "working_dir"
    """working_dir: send our packages, the cluster has the dependencies. pip: send them and install
    the dependencies in the versions of this machine. none: the cluster has all of it."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables of the job, such as MLFLOW_TRACKING_URI. The cluster shows them to whoever may list
    jobs: no secrets here."""
    metadata: dict[str, str] = Field(default_factory=dict)
    """Labels that the cluster keeps with the job."""
    entrypoint_cpus: float = 0
    """CPUs reserved for the command itself, apart from those of the workers that it starts."""


def runtime_environment(config: JobConfig, folder: Path) -> dict[str, Any]:
    """Ray's `runtime_env` of a job whose own files lie in `folder`.

    Packages go one by one, by content: a cluster that has seen them gets only the folder.
    """
    environment: dict[str, Any] = {"working_dir": str(folder), "excludes": list(EXCLUDED)}
    if config.environment:
        environment["env_vars"] = dict(config.environment)
    if config.runtime != "none":
        environment["py_modules"] = [str(path) for path in product_packages()]
    if config.runtime == "pip":
        environment["pip"] = {"packages": pinned_requirements(), "pip_check": False}
    return environment


def product_packages() -> list[Path]:
    """Folders of the packages that make up the product, wherever they are installed."""
    root = Path(__file__).resolve().parent.parent
    names = ("training", "recsys", "serving", "infra")
    return [root / name for name in names if (root / name / "__init__.py").is_file()]


def pinned_requirements() -> list[str]:
    """Our direct requirements, each at the version that is installed here.

    From the metadata that pyproject.toml was built into, so it works without a checkout.

    Raises: BadConfig if the product itself isn't installed.
    """
    try:
        requirements = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        raise BadConfig(
            f"runtime pip reads the versions of the installed {DISTRIBUTION}, and it isn't",
            hint="pip install -e . here, or take runtime working_dir",
        ) from None
    pinned = []
    for requirement in requirements:
        if "extra ==" in requirement:
            continue
        name = re.match(r"[A-Za-z0-9._-]+(\[[^\]]*\])?", requirement)
        if name:
            installed = version(name[0].partition("[")[0]).partition("+")[0]  # no local builds
            pinned.append(f"{name[0]}=={installed}")
    return pinned
