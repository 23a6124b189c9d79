"""The wheel holds all that the tree's packages hold, and works where the tree isn't."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSES = ("training", "recsys", "serving", "infra")
_NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the packages, as `infra/setup/wheel.sh` builds from an export."""
    source, built = (tmp_path_factory.mktemp(name) for name in ("source", "built"))
    for house in HOUSES:
        shutil.copytree(ROOT / house, source / house, ignore=_NOT_SHIPPED)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    code = f"import setuptools.build_meta as build; build.build_wheel({str(built)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def shipped() -> set[str]:
    """What the product reads at run time: all of three houses, and the packages of the fourth.

    Beside its packages `infra` has what is read from a checkout: set-up, manifests of clusters.
    """
    found = set()
    for house in HOUSES:
        for path in (ROOT / house).rglob("*"):
            if not path.is_file() or "__pycache__" in path.parts:
                continue
            package = (path.parent / "__init__.py").exists()
            if house != "infra" or (package and path.suffix in (".py", ".json")):
                found.add(path.relative_to(ROOT).as_posix())
    return found


def test_nothing_that_is_read_at_run_time_is_missing(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        there = set(archive.namelist())
    assert sorted(shipped() - there) == []
    for example in (
        "recsys/events/migrations/r0001_released.py",
        "serving/web/templates/base.html",
        "serving/web/static/vendor/htmx.min.js",
        "serving/openapi.json",
        "training/data/sample/posts.parquet",
        "infra/sizing/units.json",
    ):
        assert example in there
    assert not [name for name in there if name.startswith("tests/")]


def test_the_version_is_said_in_one_place(wheel: Path, installed: Path):
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert wheel.name == f"commonspace-{said}-py3-none-any.whl"
    done = run(installed, "from infra.cli.main import main; main()", "--version")
    assert done.stdout == f"commonspace {said}\n"
    assert f"\n## [{said}]" in (ROOT / "CHANGELOG.md").read_text()


WORKS = """
import pathlib, sys, tempfile
import infra, recsys, serving, training
for package in (infra, recsys, serving, training):
    assert pathlib.Path(package.__file__).is_relative_to(sys.argv[1]), package.__file__

from infra.sizing.units import read_prices, read_units
from recsys.config import EventsConfig
from recsys.events.database import Events
from serving.api.openapi import FILE
from serving.web import rendering
from training.data.sample import sample_path

assert read_units()["post_row_bytes"] > 0 and read_prices().machines
assert FILE.is_file() and pathlib.Path(sample_path()).is_file()
where = tempfile.mkdtemp()
with Events(EventsConfig(), pathlib.Path(where)) as events:
    assert events.stats().people == 0
home = pathlib.Path(rendering.__file__).parent
assert (home / "templates" / "base.html").is_file() and (home / "static" / "base.css").is_file()
print("works")
"""


def test_it_works_away_from_the_tree(installed: Path):
    done = run(installed, WORKS, str(installed))
    assert done.stdout == "works\n", done.stderr


def run(installed: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True)
