"""The loss in chunks equals the loss at once, in its value and in every gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.training.crowd import (
    Crowd,
    distance,
    examples_of,
    first_batch,
    gradients,
    objective_of,
)
from tests.training.gloo import WORLD
from training import objective as steps
from training.distributed import rank, world_size
from training.losses.base import PairLossConfig, build_loss, losses
from training.step import parallel

STILL = {"dropout": 0.0, "input_dropout": 0.0, "user": {"id_dropout": 0.0}}
build_loss(PairLossConfig())  # which files all of them
NAMES = sorted(losses)

crowds = st.builds(
    Crowd,
    seed=st.integers(0, 10_000),
    posts=st.integers(4, 32),
    people=st.integers(1, 10),
    present=st.sampled_from([0.3, 0.8, 1.0]),
    alike=st.sampled_from([0.2, 0.7, 3.0]),
)


def pulled(crowd: Crowd, name: str, *chunks: int, layout: str = "private") -> list:
    """Loss, parts and gradient of a worker's share of a step, with each size of chunk."""
    examples = examples_of(crowd)
    each = {"name": name}
    config = {"user_image": each, "user_text": {**each, "weight": 0.5}, "image_text": each}
    found = objective_of(examples, config, layout=layout, **STILL)
    batch = first_batch(found, examples, crowd.posts, rank=rank(), world=world_size())
    model = parallel(found)
    results = []
    for chunk in chunks:
        found.config = found.config.model_copy(update={"chunk": chunk})
        found.zero_grad()
        loss, parts = model(batch)
        loss.backward()
        results.append((loss.detach(), parts, gradients(found).clone()))
    return results


def agree(chunked, plain) -> None:
    loss, parts, gradient = chunked
    torch.testing.assert_close(loss, plain[0], rtol=1e-6, atol=1e-6)
    assert parts.keys() == plain[1].keys()
    for name, value in parts.items():
        torch.testing.assert_close(value, plain[1][name], rtol=1e-6, atol=1e-6, msg=name)
    assert distance(gradient, plain[2]) < 1e-6


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6, deadline=None)
@given(crowd=crowds, chunk=st.integers(3, 20), layout=st.sampled_from(["private", "shared"]))
def test_chunks_of_any_size_change_nothing(name, crowd, chunk, layout):
    agree(*pulled(crowd, name, chunk, 0, layout=layout))


def _of_all(cases: list[tuple[Crowd, str]], chunk: int) -> list:
    return [pulled(crowd, name, chunk)[0] for crowd, name in cases]


def test_two_workers_with_chunks_have_the_gradient_of_one_without(two_workers):
    """An odd count, so that shares and chunks are unequal, and more absent than present."""
    cases = [(Crowd(7 + i, posts=31, people=7, present=0.6), name) for i, name in enumerate(NAMES)]
    alone = _of_all(cases, 0)
    by_rank = two_workers(_of_all, cases, 5)
    assert len(by_rank) == WORLD
    for case, plain, *both in zip(cases, alone, *by_rank, strict=True):
        assert float(sum(loss for loss, _, _ in both) / WORLD) == pytest.approx(
            float(plain[0]), rel=1e-5
        ), case
        for _, parts, gradient in both:
            for term, value in parts.items():
                assert float(value) == pytest.approx(float(plain[1][term]), rel=1e-5), term
            assert distance(gradient, plain[2]) < 2e-6, case


def test_a_batch_of_at_most_a_chunk_goes_the_plain_way(monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError("chunked")

    monkeypatch.setattr(steps, "chunked_sums", never)
    pulled(Crowd(1, posts=24, people=6), "each_positive", 24)
    with pytest.raises(AssertionError, match="chunked"):
        pulled(Crowd(1, posts=24, people=6), "each_positive", 23)


class Shapes(TorchDispatchMode):
    """Notes the shape of every tensor that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[int, ...]] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.seen |= {tuple(t.shape) for t in tree_leaves(made) if isinstance(t, torch.Tensor)}
        return made


def test_no_matrix_of_the_whole_batch_is_made():
    crowd = Crowd(3, posts=101, people=31)
    examples = examples_of(crowd)
    found = objective_of(examples, {"chunk": 0}, **STILL)
    batch = first_batch(found, examples, 101)
    people = len(batch.people)
    assert people > 25
    whole = {(101, 101), (people, 101), (101, people)}
    for chunk, made in ((0, whole), (25, {(25, 101), (25, people)})):
        found.config = found.config.model_copy(update={"chunk": chunk})
        with Shapes() as shapes:
            found(batch)[0].backward()
        assert made <= shapes.seen
        assert not chunk or not whole & shapes.seen


def test_without_gradients_chunks_give_the_value():
    crowd = Crowd(5)
    examples = examples_of(crowd)
    values = []
    for chunk in (0, 7):
        found = objective_of(examples, {"chunk": chunk}, **STILL)
        with torch.no_grad():
            values.append(float(found(first_batch(found, examples, 40))[0]))
    assert values[0] == pytest.approx(values[1], rel=1e-6)
