"""A Milvus Lite server process, for what several processes share."""

import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class LiteServer:
    uri: str
    folder: Path


@pytest.fixture(scope="session")
def lite_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).with_name("milvus-lite"))
    arguments = ["--data-dir", str(folder / "data.db"), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([program, "server", *arguments], stdout=log, stderr=log)
    try:
        _wait(port, server, folder / "log")
        yield LiteServer(f"http://127.0.0.1:{port}", folder)
    finally:
        server.terminate()
        server.wait(10)


def _wait(port: int, server: subprocess.Popen, log: Path) -> None:
    for _ in range(150):
        if server.poll() is not None:
            raise RuntimeError(f"the Milvus Lite server ended: {log.read_text()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the Milvus Lite server doesn't listen")
