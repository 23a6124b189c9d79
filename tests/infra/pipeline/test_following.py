"""The last step waits for a service that really answers over HTTP."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.pipeline import steps
from infra.pipeline.config import PipelineConfig
from infra.pipeline.steps import _followed
from infra.product import ProductConfig
from training.errors import Unavailable


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """Its URL, and the model versions that `/readyz` tells one after the other."""
    monkeypatch.setattr(steps, "_POLL_S", 0.01)
    told: list[str] = []

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            version = told.pop(0) if len(told) > 1 else told[0]
            if version == "down":
                self.send_error(500)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"ready": True, "model_version": version}).encode())

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Ready)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", told
    server.shutdown()
    thread.join()
    server.server_close()


def config(patience_s: float) -> ProductConfig:
    return ProductConfig(pipeline=PipelineConfig(service_patience_s=patience_s))


def test_it_waits_until_the_service_has_the_new_model(service: tuple[str, list[str]]):
    url, told = service
    told += ["3", "down", "3", "4"]
    assert _followed(url, "4", config(30)) < 30
    assert told == ["4"]


def test_a_service_that_does_not_follow_is_told(service: tuple[str, list[str]]):
    url, told = service
    told.append("3")
    with pytest.raises(Unavailable, match="answers with 3 and not with model version 4"):
        _followed(url, "4", config(0.05))


def test_a_service_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(steps, "_POLL_S", 0.01)
    with pytest.raises(Unavailable, match="ConnectionError"):
        _followed("http://127.0.0.1:9", "4", config(0.01))
