"""What workers send each other arrives in its place, and so does its gradient."""

import torch
from torch import Tensor

from tests.training.gloo import WORLD
from training.distributed import gather, rank, world_size

ROWS = ((3, 2), (1, 4))
"""Of two tensors, by worker."""
MOST = (3, 4)


def parts_of(worker: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two kinds of floats and some integers, which no two workers have alike."""
    generator = torch.Generator().manual_seed(worker)
    few, many = ROWS[worker]
    return (
        torch.randn(few, 5, generator=generator),
        torch.randn(many, 2, 3, generator=generator).double(),
        torch.randint(-9, 9, (many, 2), generator=generator),
    )


def gathered() -> tuple[list[Tensor], list[Tensor], int]:
    """Everybody's parts here, the gradient of this worker's, and how many collectives it took."""
    few, many, numbers = parts_of(rank())
    few.requires_grad_()
    many.requires_grad_()
    calls = []
    plain = torch.distributed.all_gather_single

    def counted(*arguments):
        calls.append(arguments)
        return plain(*arguments)

    torch.distributed.all_gather_single = counted
    try:
        everyone = gather([few, many, few * 2, numbers], [*MOST, MOST[0], MOST[1]])
    finally:
        torch.distributed.all_gather_single = plain
    # what this worker makes of the rows, as each of them has its own loss
    loss = (rank() + 1) * (everyone[0].square().sum() + 3 * everyone[2].sum())
    (loss + everyone[1].pow(3).sum().float()).backward()
    assert few.grad is not None and many.grad is not None
    return [each.detach() for each in everyone], [few.grad, many.grad], len(calls)


def test_rows_of_all_workers_come_in_their_order(two_workers):
    for everyone, _, calls in two_workers(gathered):
        assert calls == 3  # one a type of number: float, double, long
        for number, source in ((0, 0), (1, 1), (3, 2)):
            blocks = everyone[number].split(MOST[min(source, 1)])
            assert len(blocks) == WORLD
            for worker, block in enumerate(blocks):
                theirs = parts_of(worker)[source]
                torch.testing.assert_close(block[: len(theirs)], theirs)
                assert not block[len(theirs) :].any()
        torch.testing.assert_close(everyone[2], 2 * everyone[0])


def test_a_row_takes_the_gradients_of_all_workers(two_workers):
    for worker, (_, (few, many), _) in enumerate(two_workers(gathered)):
        mine = parts_of(worker)
        weight = sum(range(1, WORLD + 1))
        torch.testing.assert_close(few, weight * (2 * mine[0] + 6))
        torch.testing.assert_close(many, WORLD * 3 * mine[1].square())


def test_one_worker_has_everything_already():
    few, _, numbers = parts_of(0)
    assert world_size() == 1
    found = gather([few, numbers], [3, 2])
    assert found[0] is few and found[1] is numbers
