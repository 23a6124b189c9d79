"""Pictures as colours and edges: `histogram/<side>`, such as `histogram/32`. No weights.

Mean colours of sixteen fields, a histogram of colours, and for every field a histogram of the
directions of its edges (as in Dalal and Triggs, CVPR 2005, without blocks). It tells a sunset from
a chessboard and no cat from a dog: a baseline, and an encoder for tests and for very many pictures.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.encoders.config import EncoderConfig
from training.encoders.hashed import weightless, width_of
from training.encoders.image import ImageEncoder, ImagePreprocessing, image_encoders

_FIELDS = 4
"""Along each side."""
_SHADES = 4
"""Of each of the three colours."""
_DIRECTIONS = 8
WIDTH = 3 * _FIELDS**2 + _SHADES**3 + _DIRECTIONS * _FIELDS**2


class ColoursAndEdges(nn.Module):
    """(N, 3, S, S) in [0, 1] to (N, 240): three parts, each of unit length."""

    grey: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grey", torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Colours by field, colours in all, edges by field."""
        parts = [self._colours(pixels), self._shades(pixels), self._edges(pixels)]
        return torch.cat([functional.normalize(part, dim=1) for part in parts], dim=1)

    def _colours(self, pixels: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(pixels - 0.5, _FIELDS).flatten(1)

    def _shades(self, pixels: Tensor) -> Tensor:
        shade = (pixels * _SHADES).long().clamp(0, _SHADES - 1)
        box = (shade[:, 0] * _SHADES + shade[:, 1]) * _SHADES + shade[:, 2]
        return _counts(box.flatten(1), torch.ones_like(box.flatten(1), dtype=pixels.dtype), 64)

    def _edges(self, pixels: Tensor) -> Tensor:
        grey = (pixels * self.grey).sum(1)
        across = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
        down = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
        strength = (across.square() + down.square() + 1e-12).sqrt()
        turn = torch.atan2(down, across) / (2 * math.pi) + 0.5
        direction = (turn * _DIRECTIONS).long().clamp(0, _DIRECTIONS - 1)
        side = strength.shape[1]
        field = torch.arange(side, device=pixels.device) * _FIELDS // side
        place = field[:, None] * _FIELDS + field
        box = place * _DIRECTIONS + direction
        return _counts(box.flatten(1), strength.flatten(1), _DIRECTIONS * _FIELDS**2)


def _counts(boxes: Tensor, weights: Tensor, count: int) -> Tensor:
    """(N, count): the sum of weights (N, P) in each box (N, P)."""
    return weights.new_zeros(len(boxes), count).scatter_add_(1, boxes, weights)


@image_encoders.register("histogram")
def histogram_encoder(config: EncoderConfig) -> ImageEncoder:
    """Colours and edges at a side in pixels. Raises: BadConfig for a side, or for tuning."""
    size = width_of(config.name, 16, 512)
    preprocessing = ImagePreprocessing(
        size=size, interpolation="bilinear", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
    ).adapted(config)
    encoder = ImageEncoder(weightless(config), ColoursAndEdges(), WIDTH, preprocessing)
    encoder.batch_on_cpu = 256  # nothing is as wide as a network's activations
    return encoder
