"""Full disks are real here: a process with a limit on the size of its files."""

import errno
import resource
from contextlib import contextmanager

import pytest
from safetensors import SafetensorError

from tests.training.synthetic import small_examples
from tests.training.test_loop import objective
from training import loop
from training.agreement import Group, Stopped
from training.checkpoint import Progress, latest, owned, snapshot
from training.checkpoint_store import keep
from training.disk import DiskFull, full_disk_in_words, is_full, write_patiently
from training.errors import TrainingFailed
from training.faults import read_faults


@contextmanager
def files_of_at_most(size):
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_that_finds_no_room_leaves_nothing_behind(tmp_path):
    state = loop.begin(objective(small_examples()), loop.LoopConfig())
    first = keep(tmp_path, snapshot(state))
    state.progress = Progress(epoch=1, step=1)
    with pytest.raises((OSError, SafetensorError)) as caught, files_of_at_most(3000):
        keep(tmp_path, snapshot(state))
    assert is_full(caught.value)
    assert list(tmp_path.iterdir()) == [first]
    assert latest(tmp_path) == first
    assert latest(tmp_path) != keep(tmp_path, snapshot(state)) == latest(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        SafetensorError("Error while serializing: I/O error: No space left (os error 28)"),
        RuntimeError("(sqlite3.OperationalError) database or disk is full"),
    ],
)
def test_a_full_disk_is_known_by_code_and_by_words(error):
    assert is_full(error)
    try:
        raise ValueError("outer") from error
    except ValueError as outer:
        assert is_full(outer)


@pytest.mark.parametrize(
    "error", [OSError(errno.EACCES, "Permission denied"), ValueError("os error 13)")]
)
def test_other_errors_are_not_a_full_disk(error, tmp_path):
    assert not is_full(error)
    with pytest.raises(type(error)), full_disk_in_words(tmp_path, hint=""):
        raise error


def test_what_is_written_waits_for_room(tmp_path):
    tries, told = [], []

    def write():
        tries.append(1)
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return "written"

    done = write_patiently(
        write, tmp_path, 60, lambda full, text: told.append((full, text)), lambda seconds: None
    )
    assert done == "written"
    assert len(tries) == 3
    assert [full for full, _ in told] == [True, False]
    assert str(tmp_path) in told[0][1]


def test_who_waits_in_vain_is_told_what_to_do(tmp_path):
    def write():
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull, match="full") as caught:
        write_patiently(write, tmp_path, 0, lambda full, text: None)
    assert isinstance(caught.value, TrainingFailed)
    assert f"--resume --name {tmp_path.name}" in caught.value.hint


def test_an_error_that_time_does_not_heal_is_not_waited_for(tmp_path):
    def write():
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        write_patiently(write, tmp_path, 60, lambda full, text: None)


def test_what_was_written_is_not_written_again_when_the_next_finds_no_room(tmp_path, monkeypatch):
    """Worker 0's part of an epoch: a line of metrics once, then the checkpoint."""
    monkeypatch.setattr("ray.train.collective.broadcast_from_rank_zero", lambda reason: reason)
    monkeypatch.setattr("training.disk._LOOK_S", 0.01)
    lines, tries = [], []

    def save():
        tries.append(1)
        if len(tries) < 4:
            raise OSError(errno.ENOSPC, "No space left on device")

    with owned(tmp_path) as token:
        Group(tmp_path, token, 60).go_on(lambda: lines.append(1), save)
        assert len(lines) == 1
        assert [fault.kind for fault in read_faults(tmp_path)] == ["disk_full", "disk_free"]
        tries.clear()
        with pytest.raises(Stopped, match="full"):
            Group(tmp_path, token, 0).go_on(lambda: lines.append(1), save)
        with pytest.raises(Stopped, match="new driver"):
            Group(tmp_path, "another", 0).go_on()
