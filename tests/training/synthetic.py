"""Small examples with a structure that can be learned: each person likes one corner."""

import torch

from training.examples import Examples, assemble
from training.modalities import PostFeatures


def small_examples(people: int = 6, posts_each: int = 8, seed: int = 0) -> Examples:
    """Posts whose image and text share a hidden position near their author's."""
    generator = torch.Generator().manual_seed(seed)
    count = people * posts_each
    author = [i // posts_each for i in range(count)]
    centre = torch.randn(people, 6, generator=generator)
    hidden = centre[author] + 0.7 * torch.randn(count, 6, generator=generator)
    image = hidden @ torch.randn(6, 12, generator=generator)
    text = hidden @ torch.randn(6, 10, generator=generator)
    has_image = torch.ones(count, dtype=torch.bool)
    has_text = torch.ones(count, dtype=torch.bool)
    has_image[1::7], has_text[3::7] = False, False
    image[~has_image], text[~has_text] = torch.nan, torch.nan
    split = [
        ("train", "train", "train", "train", "train", "validation", "test", "train")[i % 8]
        for i in range(count)
    ]
    return assemble(
        PostFeatures(image, has_image, text, has_text),
        [f"person{a}" for a in author],
        [f"text{i}" if has_text[i] else None for i in range(count)],
        [f"image{i}" if has_image[i] else None for i in range(count)],
        split,
        {
            f"person{p}": [(p * posts_each + i, 1.0) for i in range(posts_each)]
            for p in range(people)
        },
    )


def learned(metrics: dict[str, float]) -> dict[str, float]:
    """An epoch's metrics without those that tell of time."""
    return {name: value for name, value in metrics.items() if not name.startswith("train/")}
