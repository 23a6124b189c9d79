from dataclasses import replace

import pytest

from tests.training.synthetic import small_examples
from tests.training.test_loop import objective
from training import checkpoint, loop
from training.checkpoint import snapshot
from training.checkpoint_store import KEPT, keep, tidy


@pytest.fixture
def state():
    return loop.begin(objective(small_examples()), loop.LoopConfig())


def after(state, epoch):
    state.progress = replace(state.progress, epoch=epoch, step=3 * epoch)
    return snapshot(state)


def names(root):
    return sorted(path.name for path in root.iterdir())


def test_the_newest_and_the_one_before_are_kept(state, tmp_path):
    for epoch in (1, 2, 9, 10):
        path = keep(tmp_path, after(state, epoch))
        assert checkpoint.latest(tmp_path) == path
    assert len(names(tmp_path)) == KEPT
    progress = checkpoint.whole(path)
    assert progress is not None and progress.epoch == 10


def test_an_epoch_that_is_run_again_replaces_its_checkpoint(state, tmp_path):
    keep(tmp_path, after(state, 1))
    path = keep(tmp_path, after(state, 2))
    (path / "model.safetensors").write_bytes(b"spoilt")
    assert keep(tmp_path, after(state, 2)) == path
    assert checkpoint.latest(tmp_path) == path
    assert len(names(tmp_path)) == 2


def test_what_a_killed_worker_left_half_written_is_never_chosen_and_goes(state, tmp_path):
    first = keep(tmp_path, after(state, 1))
    half = tmp_path / ".writing-1234"
    checkpoint.write(half, after(state, 2))
    assert checkpoint.latest(tmp_path) == first
    keep(tmp_path, after(state, 2))
    assert not half.exists()


def test_a_torn_one_stays_until_as_many_newer_ones_are_there(state, tmp_path):
    keep(tmp_path, after(state, 1))
    torn = keep(tmp_path, after(state, 2))
    (torn / checkpoint.PROGRESS).write_text('{"epo')
    tidy(tmp_path)
    assert torn.exists()
    told = []
    newest = checkpoint.latest(tmp_path, lambda path, wrong: told.append(wrong))
    assert newest is not None and newest.name.startswith("checkpoint_000001")
    assert told == ["progress.json is torn"]
    for epoch in (3, 4):
        keep(tmp_path, after(state, epoch))
    assert not torn.exists()
    assert len(names(tmp_path)) == KEPT
