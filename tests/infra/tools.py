"""Programs that check what is run elsewhere: they come with the development packages."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def tool(name: str, package: str) -> str:
    """The path of a program of this environment; the test is skipped without it."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: pip install {package}")
    return found


def run(*command: str | Path, stdin: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
    """A command that ends soon, and what it said."""
    done = [str(part) for part in command]
    return subprocess.run(done, input=stdin, capture_output=True, text=True, timeout=120, **more)


def documents(text: str) -> list[dict[str, Any]]:
    """The documents of a YAML stream."""
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


def is_pinned(image: str) -> bool:
    """Whether an image names one version and not whatever is newest."""
    tag = image.rpartition("/")[2].partition(":")[2]
    return bool(tag) and tag not in ("latest", "stable", "main", "edge")
