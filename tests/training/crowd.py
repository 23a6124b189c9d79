"""Random batches with all that a loss must bear: gaps, reposts, busy and silent people."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.batches import Batch, BatchSampler
from training.examples import Examples, assemble
from training.modalities import PostFeatures
from training.model import JointSpace, ModelConfig
from training.objective import LossesConfig, Objective

IMAGE, TEXT = 9, 7


@dataclass(frozen=True)
class Crowd:
    """How a case is drawn.

    Attributes:
        seed: of everything.
        posts: how many, all of them trained.
        people: who post; some don't at all.
        present: chance that a post has an image, and a text.
        alike: how many different texts and pictures there are to a post.
    """

    seed: int
    posts: int = 40
    people: int = 8
    present: float = 0.8
    alike: float = 0.7


def examples_of(crowd: Crowd) -> Examples:
    """Posts of unequal authors, some without image or text, some copies of others."""
    generator = torch.Generator().manual_seed(crowd.seed)
    count = crowd.posts

    def number(most: int) -> Tensor:
        return torch.randint(0, max(1, most), (count,), generator=generator)

    there = torch.rand(2, count, generator=generator) < crowd.present
    there[0] |= ~there.any(dim=0)
    author = torch.minimum(number(crowd.people), number(crowd.people)).tolist()
    text, image = (number(round(crowd.alike * count)).tolist() for _ in range(2))
    features = PostFeatures(
        torch.randn(count, IMAGE, generator=generator),
        there[0],
        torch.randn(count, TEXT, generator=generator),
        there[1],
    )
    history: dict[str, list[tuple[int, float]]] = {f"p{i}": [] for i in range(crowd.people)}
    for row in range(count):
        history[f"p{author[row]}"].append((row, 1.0))
    return assemble(
        features,
        [f"p{a}" for a in author],
        [f"t{t}" if has else None for t, has in zip(text, there[1], strict=True)],
        [f"i{i}" if has else None for i, has in zip(image, there[0], strict=True)],
        ["train"] * count,
        history,
    )


def objective_of(examples: Examples, losses: dict, **model) -> Objective:
    """A small space in training mode; the same for the same examples."""
    torch.manual_seed(0)
    space = JointSpace(
        ModelConfig.parse({"dimension": 24, "hidden": 8, "meaning": 6, **model}),
        users=len(examples.users),
        image_features=IMAGE,
        text_features=TEXT,
    )
    space.fit_inputs(examples.features)
    return Objective(space, LossesConfig.parse(losses))


def first_batch(found: Objective, examples: Examples, size: int, **share: int) -> Batch:
    """The first batch, or `rank`'s share of it among `world`."""
    examples = replace(examples, features=found.inputs(examples.features))
    sampler = BatchSampler(examples, batch_size=size, people=len(examples.users), seed=0, **share)
    return next(sampler.epoch(0))


def gradients(found: Objective) -> Tensor:
    """All gradients side by side; zeros where there is none."""
    return torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in found.parameters()]
    )


def distance(one: Tensor, other: Tensor) -> float:
    """Length of the difference, relative to the length of `other`."""
    return float((one - other).norm() / other.norm().clamp(min=1e-12))
