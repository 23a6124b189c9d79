import shutil

import pytest
import torch

from tests.training.synthetic import small_examples
from tests.training.test_loop import objective, train
from training import checkpoint, loop
from training.errors import Conflict


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    examples = small_examples()
    for epochs, name in ((1, "fit-a/checkpoint_1"), (2, "fit-b/checkpoint_0")):
        config = loop.LoopConfig(epochs=epochs, batch_size=16)
        train(examples, config, folder=root / name)
    return root


@pytest.fixture
def saved(trained, tmp_path):
    root = tmp_path / "saved"
    shutil.copytree(trained, root)
    return root, root / "fit-a" / "checkpoint_1", root / "fit-b" / "checkpoint_0"


def test_the_latest_is_the_one_with_most_epochs(saved):
    root, _, later = saved
    assert checkpoint.latest(root) == later


@pytest.mark.parametrize("name", ["model", "optimizer", "average", "best"])
def test_a_damaged_checkpoint_is_passed_over(saved, name, caplog):
    root, earlier, later = saved
    path = later / f"{name}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert checkpoint.latest(root) == earlier
    assert str(later) in caplog.text
    told = []
    assert checkpoint.latest(root, lambda path, wrong: told.append((path, wrong))) == earlier
    assert told == [(later, f"{name}.safetensors is not what was written")]
    state = loop.begin(objective(small_examples()), loop.LoopConfig())
    with pytest.raises(ValueError, match="damaged"):
        checkpoint.load(later, state)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"epoch": 1}', '{"epoch": 1, "digests": {}}'])
def test_a_torn_progress_file_is_passed_over(saved, text):
    root, earlier, later = saved
    (later / checkpoint.PROGRESS).write_text(text)
    assert checkpoint.latest(root) == earlier


def test_a_missing_file_is_passed_over(saved):
    root, earlier, later = saved
    (later / "optimizer.safetensors").unlink()
    assert checkpoint.latest(root) == earlier


def test_nothing_is_pickled(saved):
    _, folder, _ = saved
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}


def test_optimizer_moments_come_back(saved):
    _, folder, _ = saved
    examples = small_examples()
    config = loop.LoopConfig(epochs=1, batch_size=16)
    trained, _ = train(examples, config)
    state = loop.begin(objective(examples, seed=5), config)
    checkpoint.load(folder, state)
    before, after = trained.optimizer.state_dict(), state.optimizer.state_dict()
    for index, moments in before["state"].items():
        for name, value in moments.items():
            torch.testing.assert_close(torch.as_tensor(after["state"][index][name]), value)


def test_a_run_has_one_driver_and_old_tokens_expire(tmp_path):
    with checkpoint.owned(tmp_path) as token:
        assert checkpoint.owner(tmp_path) == token
        with pytest.raises(Conflict, match="another process"), checkpoint.owned(tmp_path):
            pass
    with checkpoint.owned(tmp_path) as second:
        assert second != token
        assert checkpoint.owner(tmp_path) == second
