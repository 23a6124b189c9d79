"""torch.compile: the same figures, few compilations, and no traceback without a compiler."""

import logging
from dataclasses import replace

import pytest
import torch

from tests.training.synthetic import small_examples
from tests.training.test_loop import objective
from training.acceleration import AccelerationConfig
from training.acceleration.apply import accelerate
from training.acceleration.compiling import compile_parts, missing_compiler
from training.batches import BatchSampler
from training.model.projection import Projection


@pytest.mark.skipif(bool(missing_compiler("cpu")), reason="no C++ compiler")
def test_a_compiled_tower_is_the_plain_one():
    """With sizes that change: one compilation for the first, one for all others."""
    torch.manual_seed(0)
    tower = Projection(6, 5, 4, dropout=0.0)
    sizes = [torch.randn(rows, 6, requires_grad=True) for rows in (3, 8, 5, 13)]
    wanted = [figures(tower, rows) for rows in sizes]
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    assert compile_parts([tower], "cpu")
    for rows, (vectors, gradient) in zip(sizes, wanted, strict=True):
        found, compiled = figures(tower, rows)
        torch.testing.assert_close(found, vectors, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(compiled, gradient, rtol=1e-5, atol=1e-5)
    assert 1 <= torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 2
    assert "straight.weight" in tower.state_dict()


def figures(tower: Projection, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    tower.zero_grad()
    vectors = tower(rows)
    vectors.square().sum().backward()
    assert tower.straight.weight.grad is not None
    return vectors.detach(), tower.straight.weight.grad.clone()


def test_without_a_compiler_it_runs_as_it_is(monkeypatch, caplog):
    monkeypatch.setenv("CXX", "no-such-compiler")
    examples = small_examples()
    found = objective(examples)
    with caplog.at_level(logging.WARNING):
        accelerate(found, AccelerationConfig(compile=True))
    assert "no C++ compiler" in caplog.text
    ready = replace(examples, features=found.inputs(examples.features))
    sampler = BatchSampler(ready, batch_size=8, people=6, seed=0)
    loss, _ = found(next(sampler.epoch(0)))
    assert bool(torch.isfinite(loss))


def test_a_part_that_does_not_compile_runs_as_it_is(monkeypatch):
    """Here: a compiler that ends with an error at all times."""
    cpp = pytest.importorskip("torch._inductor.config").cpp
    monkeypatch.setenv("CXX", "false")
    monkeypatch.setattr(cpp, "cxx", ("false",))
    torch._dynamo.reset()
    odd = torch.nn.Hardswish()
    rows = torch.linspace(-4, 4, 11)
    wanted = odd(rows)
    assert compile_parts([odd], "cpu")
    torch.testing.assert_close(odd(rows), wanted)
