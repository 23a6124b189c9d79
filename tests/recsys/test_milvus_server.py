import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from recsys import milvus_server
from recsys.events.records import Post
from recsys.milvus_server import LocalServer, server_of
from recsys.versions import Target
from tests.recsys.world import open_store, publish, unit_rows
from training.errors import Conflict

FOLDER = Path("milvus/vectors.db")
POSTS = {Post(f"p{i}", "a"): row for i, row in enumerate(unit_rows(5))}


def wait_for(holds, seconds: float = 30.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_whoever_opens_the_folder_is_sent_to_its_server(tmp_path: Path):
    with LocalServer(tmp_path / FOLDER), open_store(tmp_path) as one, open_store(tmp_path) as other:
        version = publish(one, "1", POSTS)
        assert other.live().version == version
        (found,) = other.live().search(Target.POSTS, np.stack(list(POSTS.values()))[:1], 1)
        assert found[0].id == "p0"
    # and the folder is free again
    with open_store(tmp_path) as store:
        assert store.live().count(Target.POSTS) == 5


def test_a_killed_server_comes_back_at_the_same_address_with_what_was_written(tmp_path: Path):
    with LocalServer(tmp_path / FOLDER) as server, open_store(tmp_path) as store:
        version = publish(store, "1", POSTS)
        address = server.address
        os.kill(address.pid, signal.SIGKILL)
        wait_for(lambda: server.restarts == 1 and server.healthy())
        assert server.address.port == address.port
        assert store.read(lambda view: view.version) == version
        assert store.read(lambda view: view.count(Target.POSTS)) == 5


def test_a_server_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(milvus_server, "_SILENT", 2)
    with LocalServer(tmp_path / FOLDER) as server:
        first = server.address.pid
        monkeypatch.setattr(LocalServer, "healthy", lambda self: self.address.pid != first)
        wait_for(lambda: server.restarts == 1 and server.address.pid != first)


def test_a_second_server_of_a_folder_is_refused(tmp_path: Path):
    with (
        LocalServer(tmp_path / FOLDER) as server,
        pytest.raises(Conflict, match=str(server.address.pid)),
    ):
        LocalServer(tmp_path / FOLDER)


def test_the_server_of_a_killed_owner_goes_and_the_next_owner_gets_the_folder(tmp_path: Path):
    script = (
        "import sys, time; from pathlib import Path; from recsys.milvus_server import LocalServer;"
        "LocalServer(Path(sys.argv[1])); time.sleep(600)"
    )
    root = Path(__file__).resolve().parents[2]
    owner = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / FOLDER)], cwd=root)
    wait_for(lambda: server_of(tmp_path / FOLDER) is not None, 60)
    owner.kill()
    owner.wait()
    with LocalServer(tmp_path / FOLDER) as server:
        assert server.healthy()
