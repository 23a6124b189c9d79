"""Batches whose activations don't fit: encoded in parts, compared as a whole, encoded again.

The loss needs the embeddings of all rows at once, but not the activations behind them. So the parts
are first encoded without a graph; the whole batch's loss gives the gradient of each embedding; then
each part is encoded once more, with a graph, and takes the gradient of its embeddings on to the
weights. The result is the plain gradient, at the price of a second encoding.

Source: GradCache (arXiv 2101.06983, section 3), whose steps these are.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn

from training.batches import Batch
from training.losses.pairs import Points
from training.meeting import Encoded
from training.modalities import Modality
from training.objective import Objective

Key = tuple[Modality, str]
Synchronised = Callable[[bool], AbstractContextManager[object]]
"""Whether the workers' gradients are to meet in the backward pass inside."""


def cached_backward(
    model: nn.Module,
    objective: Objective,
    batch: Batch,
    *,
    rows: int,
    scale: float,
    synchronised: Synchronised,
    casting: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> dict[str, Tensor]:
    """Add the gradient of a batch's loss to the weights', `rows` rows' activations at a time.

    Args:
        model: the objective as the worker runs it (wrapped for data parallelism, or itself).
        objective: inside it.
        batch: this worker's share.
        rows: posts, and people, that a part holds at most.
        scale: of the loss.
        synchronised: for the last part the workers' gradients meet, for the others they must not.
        casting: what forward passes run in, as autocast.
    Returns: the loss's parts, as `Objective.forward` gives them.
    """
    count = -(-max(batch.most_posts, batch.most_people) // rows)
    with torch.no_grad(), synchronised(False), casting():
        points, randoms, lengths = _encoded(model, batch, count)
    with synchronised(False), casting():
        loss, terms = model(batch, partial(_compare, points))
    pulls, of_losses = _gradients(loss * scale, points, list(objective.losses.parameters()))
    cut = {key: pull.split([each[key] for each in lengths]) for key, pull in pulls.items()}
    for number, part in enumerate(batch.split(count)):
        last = number == count - 1
        pull = {key: found[number] for key, found in cut.items()}
        task = partial(_surrogate, pull, of_losses if last else {})
        with randoms[number].again(), synchronised(last):
            with casting():
                pulled = model(part, task)
            pulled.backward()
    return terms


def _encoded(
    model: nn.Module, batch: Batch, count: int
) -> tuple[Encoded, list["_Random"], list[dict[Key, int]]]:
    """All points; and for each part where the generators stood, and how many points it has."""
    randoms: list[_Random] = []
    encoded: list[Encoded] = []
    for part in batch.split(count):
        randoms.append(_Random.now())
        encoded.append(model(part, Objective.encode))
    points = {key: _joined([each[key] for each in encoded]) for key in encoded[0]}
    return points, randoms, [{key: len(each[key].vectors) for key in each} for each in encoded]


def _compare(points: Encoded, objective: Objective, batch: Batch):
    return objective.compare(points, batch)


def _surrogate(
    pull: dict[Key, Tensor], of_losses: dict[int, Tensor], objective: Objective, part: Batch
) -> Tensor:
    """A scalar whose gradient is the part's share of the whole batch's.

    What the losses learn rides along with one part, so that every parameter is reached in the
    backward pass in which the workers' gradients meet.
    """
    encoded = objective.encode(part)
    products = [(encoded[key].vectors * gradient).sum() for key, gradient in pull.items()]
    learned = list(objective.losses.parameters())
    products += [(learned[number] * gradient).sum() for number, gradient in of_losses.items()]
    return torch.stack(products).sum()


def _gradients(
    loss: Tensor, points: Encoded, learned: Sequence[nn.Parameter]
) -> tuple[dict[Key, Tensor], dict[int, Tensor]]:
    """Of the loss by embeddings and by the losses' own parameters, where there is any."""
    wanted = [number for number, parameter in enumerate(learned) if parameter.requires_grad]
    leaves = [each.vectors for each in points.values()] + [learned[number] for number in wanted]
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    embeddings = {key: g for key, g in zip(points, found, strict=False) if g is not None}
    of_losses = zip(wanted, found[len(points) :], strict=True)
    return embeddings, {number: g for number, g in of_losses if g is not None}


def _joined(parts: Sequence[Points]) -> Points:
    """The points of all parts; their vectors are leaves that gather a gradient."""
    keys = [part.keys for part in parts]
    return replace(
        parts[0],
        vectors=torch.cat([part.vectors for part in parts]).requires_grad_(),
        present=torch.cat([part.present for part in parts]),
        keys=type(keys[0])(
            *(
                torch.cat([getattr(each, name) for each in keys])
                for name in ("row", "author", "text", "image")
            )
        ),
    )


@dataclass(frozen=True)
class _Random:
    """Where the generators of random numbers stand: dropout must fall twice on the same units."""

    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def now(cls) -> Self:
        cuda = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
        return cls(torch.get_rng_state(), cuda)

    @contextmanager
    def again(self) -> Iterator[None]:
        """The generators as they were; afterwards as they are now."""
        devices = [] if self.cuda is None else [torch.cuda.current_device()]
        with torch.random.fork_rng(devices):
            torch.set_rng_state(self.cpu)
            if self.cuda is not None:
                torch.cuda.set_rng_state(self.cuda)
            yield
