import http.server
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from training.errors import BadConfig, CommonspaceError, Conflict, NotFound, Refused, Unavailable
from training.tracking.config import TrackingConfig
from training.tracking.reachability import public_name
from training.tracking.server import Tracking


@contextmanager
def answering(status: int, body: bytes, kind: str = "text/plain") -> Iterator[str]:
    """A web server that always says the same."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def connect(uri: str, tmp_path) -> CommonspaceError:
    with pytest.raises(CommonspaceError) as caught:
        Tracking(TrackingConfig(uri=uri), tmp_path).connect()
    return caught.value


def test_a_server_that_is_away_is_told_at_once_and_without_its_password(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    start = time.monotonic()
    error = connect(f"http://me:secret@127.0.0.1:{port}", tmp_path)
    assert time.monotonic() - start < 10
    assert isinstance(error, Unavailable)
    assert f"http://***@127.0.0.1:{port}" in error.message
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind", "hint"),
    [
        (401, b"no", Refused, "MLFLOW_TRACKING_TOKEN"),
        (403, b"no", Refused, "--allowed-hosts"),
        (403, b"Invalid Host header - possible DNS rebinding", Refused, "--allowed-hosts 127.0.0"),
        (502, b"bad gateway", Unavailable, "running"),
        (200, b"<h1>hello</h1>", Unavailable, "running"),
        (404, b"not here", Unavailable, "running"),
    ],
)
def test_what_a_server_says(status, body, kind, hint, tmp_path):
    with answering(status, body) as address:
        error = connect(f"http://{address}", tmp_path)
    assert isinstance(error, kind)
    assert address in error.message
    assert hint in error.hint


def test_a_real_server_refuses_a_host_name_it_does_not_know(server_port, tmp_path):
    error = connect(f"http://127.1:{server_port}", tmp_path)
    assert isinstance(error, Refused)
    assert f"--allowed-hosts 127.1:{server_port}" in error.hint


def test_a_database_that_does_not_open(tmp_path):
    error = connect(f"sqlite:///{tmp_path}/none/mlflow.db", tmp_path)
    assert isinstance(error, Unavailable)
    assert "unable to open" in error.message


def test_a_database_without_its_driver(tmp_path):
    assert isinstance(connect("mssql+nodriver://h/db", tmp_path), BadConfig)


def test_what_does_not_exist(tracking):
    with pytest.raises(NotFound, match=r"work space/mlflow\.db"):
        tracking.call(lambda client: client.get_run("0" * 32))


def test_unexpected_errors_stay_loud(tracking):
    with pytest.raises(ZeroDivisionError):
        tracking.call(lambda client: 1 / 0)


def test_the_default_is_a_database_in_the_workspace(tmp_path):
    assert Tracking(TrackingConfig(), tmp_path).uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert not list(tmp_path.iterdir())  # nothing is opened by making the object


def test_artifacts_stay_in_the_workspace(tracking):
    tracking.experiment_id()
    experiment = tracking.call(lambda client: client.get_experiment_by_name("commonspace"))
    assert experiment.artifact_location == (tracking.workspace / "mlartifacts").as_uri()


def test_an_experiment_that_was_deleted_is_not_written_to(tracking):
    number = tracking.experiment_id()
    tracking.call(lambda client: client.delete_experiment(number))
    with pytest.raises(Conflict, match="'commonspace' was deleted"):
        tracking.experiment_id()


def test_public_name_keeps_what_is_no_secret():
    assert public_name("postgresql://me:pw@db:5432/m?ssl=1") == "postgresql://***@db:5432/m?ssl=1"
    assert public_name("sqlite:////data/a@b.db") == "sqlite:////data/a@b.db"
    assert public_name("s3://bucket/a@b") == "s3://bucket/a@b"
    assert (
        public_name("a: http://u:p@ss@h/x\nb: http://k@h") == "a: http://***@h/x\nb: http://***@h"
    )
