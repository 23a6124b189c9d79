from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement

from infra.checks import packages
from infra.checks.check import Status


def test_every_requirement_is_there_in_the_tested_version() -> None:
    checks = {check.name: check for check in packages.look()}
    wanted = [Requirement(text) for text in requires("commonspace") or []]
    assert set(checks) == {each.name for each in wanted if each.marker is None}
    assert {check.status for check in checks.values()} == {Status.OK}
    assert checks["torch"].found == version("torch")


def test_another_version_than_tested_is_a_warning(tmp_path: Path) -> None:
    lock = tmp_path / "constraints.txt"
    lock.write_text("# comment\nPyYAML==0.1\n")
    checks = {check.name: check for check in packages.look(lock)}
    assert checks["pyyaml"].status is Status.WARN
    assert checks["pyyaml"].found == f"{version('pyyaml')}, tested with 0.1"
    assert checks["torch"].status is Status.OK


def test_too_old_and_missing_are_failures() -> None:
    too_old = packages._compare(Requirement("pyyaml>=99"), None)
    assert (too_old.status, too_old.found) == (Status.FAIL, f"{version('pyyaml')}, needs >=99")
    missing = packages._compare(Requirement("no-such-package-of-ours"), None)
    assert (missing.status, missing.found) == (Status.FAIL, "missing")
