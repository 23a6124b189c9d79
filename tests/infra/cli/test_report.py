from typing import TYPE_CHECKING

import pytest

from training.tracking.server import Tracking

if TYPE_CHECKING:
    from tests.infra.cli.conftest import Command


pytest_plugins = ["tests.training.report.run_fixtures"]


@pytest.fixture(autouse=True)
def own_tracking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_page_about_a_run(
    report_tracking: Tracking, finished_run: str, commonspace: "Command"
) -> None:
    workspace = report_tracking.workspace
    done = commonspace("report", "first", "--workspace", workspace, "--json")
    assert done.code == 0, done.err
    path = workspace / "runs" / "first" / "report.html"
    assert done.result == {
        "run_name": "first",
        "mlflow_run_id": finished_run,
        "path": str(path),
        "bytes": path.stat().st_size,
    }
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_wrong_name_says_what_there_is(report_tracking: Tracking, commonspace: "Command") -> None:
    done = commonspace("report", "nobody", "--workspace", report_tracking.workspace)
    assert done.code == 4
    assert "there is no run 'nobody'" in done.err
    assert "Traceback" not in done.err
