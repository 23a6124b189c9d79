"""Features of several layers: beside what an encoder makes of its input, how it got there.

The last layer keeps what a model was trained to tell apart; the style of a picture and the wording
of a text live in earlier ones. Every level counts alike, so each is scaled to unit length.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_MOST_STAGES = 5
_TINY = 1e-12


class SeveralStages(nn.Module):
    """A timm model's pooled output, and beside it what each of its stages looks like.

    A stage is told by its channels' mean and standard deviation over all places, which is its
    style in the sense of Huang and Belongie (arXiv 1703.06868). Convolutional networks have four or
    five stages; of a deeper model's blocks five are taken, evenly, the last one included.

    Args:
        model: of timm, without its classifier, with `forward_intermediates`.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        channels = [stage["num_chs"] for stage in model.feature_info]
        count = min(len(channels), _MOST_STAGES)
        self.stages = [(i + 1) * len(channels) // count - 1 for i in range(count)]
        self.beside = tuple(2 * channels[stage] for stage in self.stages)
        """Widths of the parts after the pooled output."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (N, 3, S, S) to (N, F); the model's own pooled output comes first."""
        last, maps = self.model.forward_intermediates(pixels, indices=self.stages)
        return side_by_side([self.model.forward_head(last), *map(_style, maps)])


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Parts (N, F₁), (N, F₂), … of any scale to (N, F₁ + F₂ + …), each part of unit length."""
    return torch.cat([functional.normalize(part.float(), dim=1) for part in parts], 1)


def _style(states: Tensor) -> Tensor:
    """Mean and standard deviation over the places of a map: (N, C, H, W) to (N, 2 C).

    In two plain passes: `torch.std_mean` takes ten times as long on channels-last memory.
    """
    states = states.float()
    mean = states.mean((2, 3), keepdim=True)
    variance = (states - mean).square().mean((2, 3))
    # the root of a channel that is the same everywhere has no gradient
    return torch.cat([mean.flatten(1), variance.clamp_min(_TINY).sqrt()], 1)
