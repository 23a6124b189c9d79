"""What is installed, beside what the product requires and what it was tested with."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from infra.checks.check import Check, Status
from training.job_runtime import DISTRIBUTION

REINSTALL = "pip install -c constraints.txt -e ."


def look(constraints: Path | None = None) -> Iterator[Check]:
    """One check for each requirement.

    Args:
        constraints: file with the tested versions; that of the checkout if None, if there is one.
    """
    try:
        requirements = [Requirement(text) for text in requires(DISTRIBUTION) or []]
    except PackageNotFoundError:
        found = "is not installed; its code runs from a folder"
        yield Check("package", DISTRIBUTION, Status.WARN, found, f"`make demo`, or {REINSTALL}")
        return
    tested = _pins(constraints or Path(__file__).resolve().parents[2] / "constraints.txt")
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _compare(requirement, tested.get(_key(requirement.name)))


def _compare(requirement: Requirement, tested: str | None) -> Check:
    name = requirement.name
    try:
        installed = version(name)
    except PackageNotFoundError:
        return Check("package", name, Status.FAIL, "missing", REINSTALL)
    if not requirement.specifier.contains(installed, prereleases=True):
        found = f"{installed}, needs {requirement.specifier}"
        return Check("package", name, Status.FAIL, found, REINSTALL)
    if tested and installed != tested:
        found = f"{installed}, tested with {tested}"
        return Check("package", name, Status.WARN, found, REINSTALL)
    return Check("package", name, Status.OK, installed)


def _pins(constraints: Path) -> dict[str, str]:
    try:
        lines = constraints.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("==") for line in lines if not line.startswith("#"))
    return {_key(name): pin.strip() for name, _, pin in pairs if pin}


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
