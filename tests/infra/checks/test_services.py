import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.checks import services
from infra.checks.check import Check, Status
from infra.product import load_config


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "MLFLOW_TRACKING_URI", "MILVUS_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def look(workspace: Path, *settings: str) -> dict[str, Check]:
    return {check.name: check for check in services.look(load_config(None, settings, workspace))}


@pytest.fixture
def stranger() -> Iterator[str]:
    """Something that answers HTTP and is none of our services."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_embedded_services_need_nothing_and_are_not_started(tmp_path: Path) -> None:
    checks = look(tmp_path / "workspace")
    assert set(checks) == {"Ray", "MLflow", "Milvus", "events"}
    assert {check.status for check in checks.values()} == {Status.OK}
    assert not (tmp_path / "workspace").exists()


def test_services_that_do_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:1")
    checks = look(
        tmp_path,
        "ray.address=127.0.0.1:1",
        "tracking.uri=http://127.0.0.1:1",
        "events.url=sqlite:////no/such/folder/events.db",
    )
    for name in ("Ray", "Ray jobs", "MLflow", "events"):
        assert checks[name].status is Status.FAIL, name
        assert checks[name].hint, name


def test_a_stranger_is_not_taken_for_a_service(
    tmp_path: Path, stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", f"http://{stranger}")
    checks = look(tmp_path, f"tracking.uri=http://{stranger}", f"ray.address={stranger}")
    assert checks["MLflow"].status is Status.FAIL
    assert checks["Ray jobs"].status is Status.FAIL
    assert checks["Ray"].status is Status.OK  # a port is all that can be seen without joining


def test_a_database_that_answers(tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    file.touch()
    checks = look(tmp_path, f"events.url=sqlite:///{file}", f"tracking.uri=sqlite:///{file}")
    assert checks["events"].found == f"answers at sqlite:///{file}"
    assert checks["MLflow"].status is Status.OK
    assert file.stat().st_size == 0  # looked at, not written to
