"""A sharded user table: the same numbers as one whole table, whoever holds the rows."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.training.crowd import Crowd, examples_of, first_batch, objective_of
from tests.training.synthetic import learned
from tests.training.test_fit import plan_for
from training import checkpoint, loop
from training.examples import Examples
from training.fit import best_objective, build_objective
from training.model.sharded_table import ShardedTable, sharded_tables
from training.objective import Objective
from training.table_rows import BETAS, TableRows

CROWD = Crowd(4, posts=40, people=11, present=0.8)
STILL = {"dropout": 0.0, "input_dropout": 0.0}
SETTINGS = loop.LoopConfig(epochs=3, batch_size=14, people=4, accumulate=2, patience=9)


def crowd_examples():
    """With validation posts, and one person who never posted: nothing ever looks them up."""
    examples = examples_of(CROWD)
    examples.split[::6] = 1
    silent = (examples.history_start.diff() == 0).nonzero()
    assert len(silent)
    return examples, int(silent[0])


def objective(kind: str = "sharded") -> Objective:
    user = {"id_dropout": 0.0, "table": {"kind": kind}}
    return objective_of(crowd_examples()[0], {}, user=user, **STILL)


@dataclass
class Reference:
    """One table, whole: a step is written out row by row, and all averages move at each step."""

    weight: Tensor
    rate: float
    decay: float
    moment: dict[int, Tensor] = field(default_factory=dict)
    square: dict[int, float] = field(default_factory=dict)
    updates: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.weight = self.weight.double().clone()
        self.average = self.weight.clone()

    def step(self, number: int, gradient: Tensor, most: float) -> None:
        for row in gradient.any(dim=1).nonzero().flatten().tolist():
            g, n = gradient[row].double(), self.updates.get(row, 0) + 1
            m = BETAS[0] * self.moment.get(row, torch.zeros_like(g)) + (1 - BETAS[0]) * g
            v = BETAS[1] * self.square.get(row, 0.0) + (1 - BETAS[1]) * float((g * g).mean())
            self.moment[row], self.square[row], self.updates[row] = m, v, n
            length = (v / (1 - BETAS[1] ** n)) ** 0.5 + 1e-8
            self.weight[row] *= 1 - self.rate * self.decay
            self.weight[row] -= self.rate * m / (1 - BETAS[0] ** n) / length
        share = min(most, (1 + number) / (10 + number))
        self.average = share * self.average + (1 - share) * self.weight


def test_lazy_rows_are_as_if_every_step_had_been_taken():
    torch.manual_seed(0)
    table = ShardedTable(9, 5, 0.05)
    rows = TableRows(table, rate=0.1, weight_decay=0.3)
    whole = Reference(table.weight, 0.1, 0.3)
    weights = torch.randn(30, 4, 5)
    for step in range(1, 31):
        people = torch.randint(0, 8, (4,))  # with repeats; row 8 never
        if step == 12:
            people[:] = 3  # and rows that wait long
        (table(people) * weights[step - 1]).sum().backward()
        gradient = torch.zeros(9, 5).index_add_(0, people, weights[step - 1])
        whole.step(step, gradient, 0.9)
        rows.update(1.0, step, 0.9)
    found = rows.whole()
    torch.testing.assert_close(found["weight"], whole.weight.float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found["average"], whole.average.float(), rtol=1e-5, atol=1e-6)
    assert found["updates"].tolist() == [whole.updates.get(row, 0) for row in range(9)]


def test_the_gradient_is_that_of_a_whole_table():
    """And its first step, taken by the same optimizer, leads to the same rows."""
    examples, _ = crowd_examples()
    sharded, full = objective(), objective("full")
    full.load_state_dict(sharded.state_dict(), strict=False)
    tables = sharded_tables(sharded)
    for name, table in tables.items():
        full.get_submodule(name).weight.data.copy_(table.weight)
    for found in (sharded, full):
        found(first_batch(found, examples, 40))[0].backward()
    for name, table in tables.items():
        dense = full.get_submodule(name).weight
        whole = Reference(table.weight, 0.01, 0.1)
        whole.step(1, dense.grad, 0.98)
        rows = TableRows(table, rate=0.01, weight_decay=0.1)
        rows.update(1.0, 1, 0.98)
        torch.testing.assert_close(table.weight, whole.weight.float(), rtol=1e-5, atol=1e-6)


def train(start: Path | None, end: Path, epochs: int) -> list[dict[str, float]]:
    """Train until `epochs` are done, on however many workers there are; worker 0 saves."""
    examples, _ = crowd_examples()
    state = loop.begin(objective(), SETTINGS)
    if start is not None:
        checkpoint.load(start, state)
    lines: list[dict[str, float]] = []

    def report(metrics, state) -> None:
        lines.append(metrics)
        if state.progress.epoch == epochs:
            checkpoint.save(end, state)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        loop.run(state, examples, SETTINGS, report)
    return lines


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> tuple[Path, list[dict[str, float]]]:
    """Three epochs on one worker."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, train(None, folder, 3)


def same(one: Path, other: Path) -> None:
    for name in ("tables", "model", "average", "best"):
        found, wanted = (checkpoint.load_file(f / f"{name}.safetensors") for f in (one, other))
        assert found.keys() == wanted.keys()
        for key, tensor in wanted.items():
            torch.testing.assert_close(found[key], tensor, rtol=1e-3, atol=2e-5, msg=f"{key} {one}")


def test_two_workers_train_the_table_of_one(two_workers, alone, tmp_path):
    folder, lines = alone
    first, second = two_workers(train, None, tmp_path, 3)
    same(tmp_path, folder)
    for line, wanted in zip(first, lines, strict=True):
        # worker 0 could look everybody up
        assert learned(line) == pytest.approx(learned(wanted), rel=1e-3)
    assert [set(learned(line)) for line in second] == [
        {name for name in line if name.startswith("loss/")} for line in lines
    ]


def test_a_run_goes_on_with_any_number_of_workers(two_workers, alone, tmp_path):
    one, two, three = (tmp_path / str(epoch) for epoch in (1, 2, 3))
    two_workers(train, None, one, 1)
    train(one, two, 2)
    two_workers(train, two, three, 3)
    same(three, alone[0])


def test_a_row_that_nothing_touched_is_as_it_began(alone):
    _, silent = crowd_examples()
    tables = checkpoint.load_file(alone[0] / checkpoint.TABLES)
    for name, table in sharded_tables(objective()).items():
        begun = table.weight
        for part in ("weight", "average", "best"):
            found = tables[f"{name}.{part}"]
            moved = (found != begun).any(dim=1)
            assert not moved[silent]
            assert moved.sum() > 5
        assert tables[f"{name}.updates"][silent] == 0


def test_the_finished_model_has_everybody_in_one_table(alone):
    best = checkpoint.best_weights(alone[0])
    plain = objective("full")
    plain.load_state_dict(best)
    assert plain.space.config.user.table.kind == "full"
    assert objective().space.config.unsharded() == plain.space.config
    tables = checkpoint.load_file(alone[0] / checkpoint.TABLES)
    for name in sharded_tables(objective()):
        table = plain.get_submodule(name)
        assert isinstance(table, nn.Embedding)
        assert torch.equal(table.weight, tables[f"{name}.best"])


def test_the_driver_builds_the_finished_model_from_the_checkpoint(tmp_path):
    plan = plan_for(tmp_path, "x", {"user": {"table": {"kind": "sharded"}}}, epochs=1)
    examples = Examples.load(plan.examples_folder)
    config = loop.LoopConfig.parse(plan.loop)
    state = loop.begin(build_objective(plan, examples), config)
    assert state.tables
    loop.run(state, examples, config, lambda _, state: checkpoint.save(tmp_path / "one", state))
    finished = best_objective(plan, examples, tmp_path / "one")
    for name, rows in state.tables.items():
        assert torch.equal(finished.get_submodule(name).weight, rows.best)
    assert not sharded_tables(finished)
    assert finished.space.config.user.table.kind == "full"


def test_rows_begin_alike_on_any_number_of_workers_and_spread_as_asked():
    torch.manual_seed(2)
    table = ShardedTable(20_000, 8, 0.05)
    assert float(table.weight.std()) == pytest.approx(0.05, rel=0.01)
    assert float(table.weight.mean().abs()) < 1e-3
    assert len(table.weight.unique()) > 159_000
    neighbours = torch.corrcoef(torch.stack([table.weight[:-1, 0], table.weight[1:, 0]]))
    assert abs(float(neighbours[0, 1])) < 0.03
