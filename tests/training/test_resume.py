"""A worker is killed in the middle of an epoch: every row still counts once, and no more."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from tests.training.synthetic import small_examples
from training import checkpoint, loop
from training.batches import BatchSampler
from training.model import JointSpace, ModelConfig
from training.objective import LossesConfig, Objective
from training.state import State

EXAMPLES = {"people": 12, "posts_each": 16}
CONFIG = loop.LoopConfig(epochs=2, batch_size=8, people=10, checkpoint_steps=3, patience=9)
DIES_AT = 5
"""Batch of the second epoch before which a worker dies: two after the checkpoint."""


def begin() -> State:
    examples = small_examples(**EXAMPLES)
    torch.manual_seed(0)
    # without dropout, so that any number of workers computes the same
    still = {"dropout": 0.0, "input_dropout": 0.0, "user": {"id_dropout": 0.0}}
    shape = ModelConfig.parse({"dimension": 24, "hidden": 16, **still})
    space = JointSpace(shape, users=len(examples.users), image_features=12, text_features=10)
    return loop.begin(Objective(space, LossesConfig()), CONFIG)


def run(folder: Path, log: Path, *, resume: bool, dies: bool = False) -> State:
    """Train; each worker writes down the rows of every batch that it computes with."""
    rank = loop.rank()
    state = begin()
    if resume:
        checkpoint.load(newest(folder), state)
    seen = log.with_name(f"{log.name}-{rank}").open("w")

    def note(_, inputs) -> None:
        at = state.progress.epoch, state.progress.step
        steps = BatchSampler(small_examples(**EXAMPLES), batch_size=8, people=10, seed=0).steps()
        if dies and rank == loop.world_size() - 1 and at == (1, steps + DIES_AT):
            seen.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        rows = " ".join(map(str, inputs[0].keys.row.tolist()))
        seen.write(f"{at[0]} {at[1]} {rows}\n")

    state.objective.register_forward_pre_hook(note)

    def report(_: object, state: State) -> None:
        if rank == 0:
            checkpoint.save(folder / f"checkpoint_{state.progress.step:04}", state)

    loop.run(state, small_examples(**EXAMPLES), CONFIG, report)
    seen.close()
    return state


def newest(folder: Path) -> Path:
    found = checkpoint.latest(folder)
    assert found is not None
    return found


def step_of(folder: Path) -> int:
    """Of the newest checkpoint."""
    return int(newest(folder).name.rpartition("_")[2])


def worker(rank: int, folder: Path, what: str) -> None:
    """One of two processes of a group; the main of this file."""
    import torch.distributed as dist

    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting-{what}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    if what == "dies":
        run(folder / "pair", folder / "first", resume=False, dies=True)
    else:
        run(folder / "calm", folder / "calm", resume=False)
        # both look before either writes
        dist.barrier()
        run(folder / "pair", folder / "second", resume=True)
    dist.destroy_process_group()


def pair(folder: Path, what: str) -> list[int]:
    """Both processes of a group to their end; their exit codes."""
    command = [sys.executable, "-m", "tests.training.test_resume"]
    started = [subprocess.Popen([*command, str(rank), str(folder), what]) for rank in range(2)]
    return [process.wait(120) for process in started]


def rows_of(logs: list[Path], until: int | None = None, since: int = 0) -> Counter[int]:
    """How often each row of the second epoch was in a batch, of steps in [since, until)."""
    found = Counter[int]()
    for log in logs:
        for line in log.read_text().splitlines():
            epoch, step, *rows = map(int, line.split())
            if epoch == 1 and step >= since and (until is None or step < until):
                found.update(rows)
    return found


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A group of two of which one was killed within the second epoch; and a calm one."""
    folder = tmp_path_factory.mktemp("killed")
    assert -signal.SIGKILL in pair(folder, "dies")
    whole = checkpoint.whole(newest(folder / "pair"))
    assert whole is not None and (whole.epoch, whole.batch) == (1, 3)
    torn = folder / "alone"
    torn.mkdir()
    subprocess.run(["cp", "-r", *(folder / "pair").iterdir(), torn], check=True)
    assert pair(folder, "goes on") == [0, 0]
    return folder


def expected() -> Counter[int]:
    sampler = BatchSampler(small_examples(**EXAMPLES), batch_size=8, people=10, seed=0)
    return Counter(row for rows in sampler.global_rows(1) for row in rows.tolist())


def same(one: Path, other: State | Path, tolerance: float) -> None:
    states = []
    for each in (one, other):
        if isinstance(each, Path):
            state = begin()
            checkpoint.load(newest(each), state)
            each = state
        states.append(each)
    assert states[0].progress.step == states[1].progress.step
    weights = states[1].objective.state_dict()
    for name, weight in states[0].objective.state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=0, atol=tolerance, msg=name)


def test_two_workers_go_on_where_two_were(killed: Path) -> None:
    kept = step_of(killed / "alone")
    before = rows_of([killed / "first-0", killed / "first-1"], until=kept)
    after = rows_of([killed / "second-0", killed / "second-1"], since=kept)
    assert before + after == expected()
    assert set((before + after).values()) == {1}
    assert rows_of([killed / "first-0"]).total() > before.total() / 2  # some were undone
    same(killed / "calm", killed / "pair", 1e-6)


def test_one_worker_goes_on_where_two_were(killed: Path) -> None:
    kept = step_of(killed / "alone")
    before = rows_of([killed / "first-0", killed / "first-1"], until=kept)
    state = run(killed / "alone", killed / "third", resume=True)
    assert before + rows_of([killed / "third-0"], since=kept) == expected()
    same(killed / "calm", state, 1e-4)


def test_one_worker_goes_on_where_one_was(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    calm = run(tmp_path / "calm", tmp_path / "calm", resume=False)
    steps = calm.progress.step // 2

    def die(_, inputs) -> None:
        if state.progress.step == steps + DIES_AT:
            raise Killed
        first.append((state.progress.step, inputs[0].keys.row.tolist()))

    first: list[tuple[int, list[int]]] = []
    state = begin()
    state.objective.register_forward_pre_hook(die)

    def report(_: object, state: State) -> None:
        checkpoint.save(tmp_path / f"one/checkpoint_{state.progress.step:04}", state)

    with pytest.raises(Killed):
        loop.run(state, small_examples(**EXAMPLES), CONFIG, report)
    kept = step_of(tmp_path / "one")
    assert kept == steps + 3
    before = Counter(row for step, rows in first if steps <= step < kept for row in rows)
    again = run(tmp_path / "one", tmp_path / "second", resume=True)
    assert before + rows_of([tmp_path / "second-0"], since=kept) == expected()
    same(tmp_path / "calm", again, 0)


if __name__ == "__main__":
    worker(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
