"""The set-up scripts on machines that lack something, and when `make` has nothing to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENV = ROOT / "infra" / "setup" / "venv.sh"


def make_venv(python: Path | str, folder: Path, **environment: str):
    return subprocess.run(
        [VENV, str(python), folder],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def fake_python(path: Path, *, version: str = "", without: str = "") -> Path:
    """This Python, but for one thing."""
    lies = []
    if version:  # the script asks in its own words whether the version is new enough
        lies.append("*version_info*) exit 1;;")
    if without:
        lies.append(f"*{without}*) exit 1;;")
    path.write_text(f'#!/bin/sh\ncase "$*" in {" ".join(lies)} esac\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return path


def test_a_python_that_is_too_old(tmp_path: Path) -> None:
    old = fake_python(tmp_path / "python", version="3.9")
    done = make_venv(old, tmp_path / "venv")
    assert done.returncode == 1
    assert f"error: PYTHON={old} is not Python 3.11 or newer\nhint: " in done.stderr
    assert not (tmp_path / "venv").exists()


def test_no_python_at_all(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    done = make_venv("", tmp_path / "venv", PATH=str(tmp_path))
    assert done.returncode != 0
    assert "found no Python 3.11 or newer" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_debian_without_its_venv_package(tmp_path: Path) -> None:
    bare = fake_python(tmp_path / "python", without="ensurepip")
    done = make_venv(bare, tmp_path / "venv")
    assert done.returncode == 1
    assert "can't make virtual environments" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that `make` decides by, in a folder that looks set up."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    return tmp_path


def planned(checkout: Path, target: str) -> str:
    return subprocess.run(
        ["make", "-n", "-C", checkout, target], capture_output=True, text=True, check=True
    ).stdout


def test_packages_are_installed_once_and_again_when_requirements_change(checkout: Path) -> None:
    assert "install.sh .venv/bin/python '.[dev]'" in planned(checkout, "test")
    assert "install.sh .venv/bin/python ." in planned(checkout, "demo")
    for stamp in (".installed", ".installed-dev"):
        (checkout / ".venv" / stamp).touch()
    assert "install.sh" not in planned(checkout, "test") + planned(checkout, "demo")
    later = (checkout / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(checkout / "constraints.txt", (later, later))
    assert "install.sh" in planned(checkout, "test")
    assert "install.sh" in planned(checkout, "demo")


def test_help_names_every_target_for_people(checkout: Path) -> None:
    done = subprocess.run(["make", "-C", checkout], capture_output=True, text=True, check=True)
    for target in ("demo", "test", "check", "help"):
        assert f"make {target} " in done.stdout


def test_every_pin_is_a_release_of_a_registry() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 100
    assert not [pin for pin in pins if "@" in pin or "+" in pin or pin.count("==") != 1]
    assert not [pin for pin in pins if pin.startswith(("-e", "commonspace"))]
