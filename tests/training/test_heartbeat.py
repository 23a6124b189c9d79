import os
import threading
import time

import pytest

from training import checkpoint, heartbeat
from training.heartbeat import ENDED, Heartbeat, Watchdog, superseded


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)


def watched(folder, token, patience_s=0.5):
    """What a watchdog says, and when."""
    said, ended = [], threading.Event()

    def end(reason):
        said.append(reason)
        ended.set()

    return Watchdog(folder, token, patience_s, end), said, ended


def test_while_the_heart_beats_nobody_ends(tmp_path, quick):
    beats = []
    with checkpoint.owned(tmp_path) as token, Heartbeat(tmp_path, token, lambda: beats.append(1)):
        dog, said, ended = watched(tmp_path, token)
        with dog:
            assert not ended.wait(1.2)
    assert not said
    assert len(beats) > 5


def test_without_a_beat_a_worker_ends_and_its_group_stays_ended(tmp_path, quick):
    with checkpoint.owned(tmp_path) as token:
        dog, said, ended = watched(tmp_path, token)
        with dog:
            assert ended.wait(10)
        assert "no sign of life" in said[0]
        assert "no sign of life" in superseded(tmp_path, token)
    with checkpoint.owned(tmp_path) as token:  # a resume begins clean
        assert not superseded(tmp_path, token)
        assert not list(tmp_path.glob("abandoned.*"))


def test_a_new_driver_ends_the_workers_of_the_old_one_at_once(tmp_path, quick):
    with checkpoint.owned(tmp_path) as token:
        dog, said, ended = watched(tmp_path, token, patience_s=60)
        with dog:
            new = checkpoint.take_over(tmp_path)
            assert ended.wait(10)
        assert "new driver" in said[0]
        assert not superseded(tmp_path, new)


def test_a_driver_that_lost_the_run_keeps_nobody_alive(tmp_path, quick):
    with checkpoint.owned(tmp_path) as token, Heartbeat(tmp_path, "of-a-dead-driver"):
        before = os.stat(tmp_path / checkpoint.OWNER).st_mtime_ns
        time.sleep(0.3)
        assert os.stat(tmp_path / checkpoint.OWNER).st_mtime_ns == before
        assert checkpoint.owner(tmp_path) == token


def test_a_worker_that_waits_for_ever_ends(tmp_path):
    """The real end: a process whose main thread never looks up."""
    with checkpoint.owned(tmp_path) as token:
        child = os.fork()
        if not child:
            with Watchdog(tmp_path, token, 0.3):
                threading.Event().wait()
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == ENDED
