"""The three kinds of user table, inside and outside of a space."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.training.crowd import Crowd, examples_of, first_batch, objective_of
from tests.training.synthetic import small_examples
from training import loop
from training.benchmark.fitting import fit_space
from training.benchmark.recipe import Recipe
from training.errors import BadConfig
from training.model import JointSpace, ModelConfig
from training.model.hashed_table import IMPORTANCES, PRIME, HashedTable
from training.model.sharded_table import ShardedTable
from training.model.user_table import UserTableConfig, build_table
from training.objective import LossesConfig, Objective


def hashed(buckets: int = 64, tables: int = 2, dimension: int = 6) -> HashedTable:
    torch.manual_seed(0)
    return HashedTable(dimension, buckets, tables, 0.05)


def test_a_vector_is_the_weighed_sum_of_a_row_from_each_table():
    table = hashed(buckets=5, tables=3)
    with torch.no_grad():
        table.importances.normal_()
    for user in (0, 7, 123_456_789, PRIME - 1):
        places = [
            (user * int(factor) + int(offset)) % PRIME
            for factor, offset in zip(table.factors, table.offsets, strict=True)
        ]
        weights = table.importances[places[3] % len(table.importances)]
        wanted = sum(weights[i] * table.components[i, places[i] % 5] for i in range(3))
        torch.testing.assert_close(table(torch.tensor([user]))[0], wanted)


@settings(max_examples=20)
@given(tables=st.integers(1, 4), buckets=st.integers(2, 50), users=st.integers(1, 2**31 - 2))
def test_memory_is_the_buckets_whoever_is_asked_for(tables, buckets, users):
    config = UserTableConfig(kind="hashed", buckets=buckets, tables=tables)
    table = build_table(config, users, 4)
    size = sum(parameter.numel() for parameter in table.parameters())
    assert size == tables * buckets * (4 + IMPORTANCES)
    assert table(torch.tensor([users - 1])).shape == (1, 4)


def test_hashes_fill_their_buckets_evenly_and_people_differ():
    table = hashed(buckets=64)
    people = torch.arange(20_000)
    vectors = table(people).detach()
    assert len(vectors.unique(dim=0)) > 4_000  # of 4,096 pairs of rows
    assert float(vectors.std()) == pytest.approx(0.05, rel=0.2)
    places = (people[:, None] * table.factors + table.offsets) % PRIME % 64
    for column in places.T:
        counts = torch.bincount(column, minlength=64)
        assert counts.min() > 150 and counts.max() < 500


def test_people_who_collide_in_every_row_are_told_apart_by_importance():
    """One bucket: everybody has the same rows, and learns how much of each is theirs."""
    table = hashed(buckets=1, tables=2, dimension=2)
    with torch.no_grad():
        table.components.copy_(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]))
    own = (torch.arange(40) * table.factors[2] + table.offsets[2]) % PRIME % IMPORTANCES
    people = torch.tensor([own.tolist().index(row) for row in sorted(set(own.tolist()))])
    assert len(people) > 4
    wanted = torch.randn(len(people), 2)
    optimizer = torch.optim.Adam([table.components, table.importances], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        (table(people) - wanted).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(table(people), wanted, atol=1e-2, rtol=0)


def test_the_default_is_the_table_that_was():
    torch.manual_seed(3)
    built = build_table(UserTableConfig(), 7, 4)
    torch.manual_seed(3)
    before = nn.Embedding(7, 4)
    nn.init.normal_(before.weight, std=0.05)
    assert torch.equal(built.weight, before.weight)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["full", "hashed", "sharded"])
def test_a_space_learns_with_each_kind(kind):
    torch.manual_seed(0)
    user = {"table": {"kind": kind, "buckets": 16}}
    space = JointSpace(
        ModelConfig.parse({"dimension": 24, "hidden": 16, "user": user}),
        users=6,
        image_features=12,
        text_features=10,
    )
    table = space.people["user_text"].identities
    before = table(torch.arange(6)).detach().clone()  # type: ignore[operator]
    config = loop.LoopConfig(epochs=12, batch_size=16)
    lines = []
    state = loop.begin(Objective(space, LossesConfig()), config)
    loop.run(state, small_examples(), config, lambda line, _: lines.append(line))
    after = table(torch.arange(6))  # type: ignore[operator]
    assert not torch.allclose(before, after, atol=1e-2)
    assert lines[-1]["loss/user_text"] < 0.9 * lines[0]["loss/user_text"]


def test_rows_of_a_sharded_table_are_nobody_elses_business():
    """No optimizer, no state dict, and no data parallelism sees them."""
    examples = examples_of(Crowd(6))
    found = objective_of(examples, {}, user={"table": {"kind": "sharded"}})
    tables = [m for m in found.modules() if isinstance(m, ShardedTable)]
    held = {id(p) for p in found.parameters()} | {id(t) for t in found.state_dict().values()}
    assert len(tables) == 2 and not held & {id(t.weight) for t in tables}
    ignored = found._ddp_params_and_buffers_to_ignore
    assert {id(found.get_buffer(name)) for name in ignored} == {id(t.weight) for t in tables}
    found(first_batch(found, examples, 24))[0].backward()
    rows, gradients = tables[0].take_pending()
    assert len(rows) and gradients.any(dim=1).all()
    assert not len(tables[0].take_pending()[0])


def test_the_benchmark_refuses_a_sharded_table():
    recipe = Recipe(model=ModelConfig.parse({"user": {"table": {"kind": "sharded"}}}))
    with pytest.raises(BadConfig, match="sharded"):
        fit_space(examples_of(Crowd(6)), recipe)
