"""FSDP2 on two CPU processes is DDP on two, to rounding; checkpoints know neither."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.acceleration.sharded_run import CONFIG, begin, train
from tests.training.encoders.tiny import write_bert
from training import checkpoint
from training.acceleration import AccelerationConfig
from training.acceleration.sharding import is_sharded, like, whole

FILES = ("model", "average", "best", "optimizer")
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
"""Batches encoded in parts are summed in another order, and Adam divides by small numbers."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left behind that trained in all ways."""
    folder = tmp_path_factory.mktemp("sharded")
    write_bert(folder / "bert")
    module = "tests.training.acceleration.sharded_run"
    script = [sys.executable, "-X", "faulthandler", "-m", module]
    root = str(Path(__file__).parents[3])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": root}
    workers = [
        subprocess.Popen(
            [*script, str(rank), str(folder)], env=environment, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        said = [worker.communicate(timeout=240)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(said)
    return folder


def contents(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{file}: {name}": tensor
        for file in FILES
        for name, tensor in load_file(folder / f"{file}.safetensors").items()
    }


def assert_same(folder: Path, wanted: Path) -> None:
    found, expected = contents(folder), contents(wanted)
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, **CLOSE, msg=name)
    progress, other = checkpoint.whole(folder), checkpoint.whole(wanted)
    assert progress is not None and other is not None
    assert (progress.epoch, progress.step) == (other.epoch, other.step)
    assert progress.best_score == pytest.approx(other.best_score, abs=1e-4)


def losses(runs: Path, way: str) -> list[dict[str, float]]:
    """All metrics but those of time, epoch by epoch."""
    return [
        {name: value for name, value in line.items() if not name.startswith("train/")}
        for line in torch.load(runs / f"{way}.0")[0]
    ]


@pytest.mark.parametrize("way", ["fsdp", "fsdp-checkpointing", "fsdp-cached"])
def test_sharded_training_is_that_of_whole_copies(runs, way):
    """Weights, moving average, best weights and moments, after two epochs with accumulation."""
    assert_same(runs / way, runs / "ddp")
    for line, wanted in zip(losses(runs, way), losses(runs, "ddp"), strict=True):
        assert line == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_blocks_gathered_in_bf16_learn_much_the_same(runs):
    half, plain = losses(runs, "fsdp-bf16"), losses(runs, "ddp")
    for line, wanted in zip(half, plain, strict=True):
        terms = {name: value for name, value in wanted.items() if name.startswith("loss/")}
        assert {name: line[name] for name in terms} == pytest.approx(terms, rel=0.1)
    assert half != plain
    assert {t.dtype for t in contents(runs / "fsdp-bf16").values()} <= {torch.float32}


def test_each_worker_holds_its_share(runs):
    everything = torch.load(runs / "ddp.0")[1]
    shares = [torch.load(runs / f"fsdp.{rank}")[1] for rank in range(2)]
    assert sum(shares) == everything
    assert max(shares) < 0.55 * everything


@pytest.mark.parametrize("way", ["ddp-fsdp", "fsdp-ddp"])
def test_a_run_goes_on_in_the_other_way(runs, way):
    assert_same(runs / way, runs / "ddp")


def test_a_sharded_run_goes_on_with_one_worker(runs, tmp_path):
    """Which asks for sharding still, and has nobody to share with."""
    train(tmp_path / "one", "fsdp", runs / "bert", start=runs / "fsdp-half")
    assert_same(tmp_path / "one", runs / "ddp")


def test_one_worker_is_not_sharded(runs):
    _, state = begin(runs / "bert", AccelerationConfig(sharding="fsdp"))
    assert not is_sharded(state.objective)
    weight = next(state.objective.parameters())
    assert like(whole(weight), weight).equal(weight)
    assert CONFIG.accumulate == 2
