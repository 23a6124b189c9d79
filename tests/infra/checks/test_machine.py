from pathlib import Path

import pytest

from infra.checks import machine
from infra.checks.check import Status
from infra.local import RayConfig


def by_name(workspace: Path, ray: RayConfig | None = None) -> dict:
    return {check.name: check for check in machine.look(workspace, ray or RayConfig())}


def test_this_machine(tmp_path: Path) -> None:
    checks = by_name(tmp_path / "not" / "there" / "yet")
    assert {"python", "cpu", "memory", "workspace"} <= set(checks)
    assert str(tmp_path) in checks["workspace"].found
    assert not (tmp_path / "not").exists()
    assert not [check for check in checks.values() if check.status is Status.FAIL]


def test_a_workspace_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.os, "access", lambda place, mode: False)  # root may write anywhere
    check = by_name(tmp_path)["workspace"]
    assert check.status is Status.FAIL
    assert "--workspace" in check.hint


def test_shared_memory_that_is_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SHARED_MEMORY", tmp_path)
    check = by_name(tmp_path, RayConfig(object_store_mb=10**9))["/dev/shm"]
    assert check.status is Status.WARN
    assert "--shm-size" in check.hint


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_container_limit", lambda: 2_000)
    check = by_name(tmp_path)["memory"]
    assert (check.status, check.found) == (Status.WARN, "2.0 GB")
