"""Frozen features made comfortable for small heads: unit length, centred, decorrelated."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config

FIT_ROWS = 20_000
"""A covariance of some thousand dimensions needs no more rows; more cost memory."""


class WhiteningConfig(Config):
    """How much of a feature is kept, and how strongly its directions are evened out."""

    components: Annotated[int, Field(ge=2)] = 512
    """Principal directions kept, at most."""
    shrinkage: Annotated[float, Field(gt=0)] = 0.1
    """Added to each variance, as a share of the mean variance; 0 would blow up noise."""


class Whitening(nn.Module):
    """Principal components of unit features, scaled to nearly equal variance; nothing is learned.

    Encoder features have a few strong directions that say little and many weak ones that say much;
    a head finds the weak ones sooner when all have a like scale. Affine, so that the whitened mean
    of a history is the mean of its whitened posts.

    Args:
        features: F, width of the encoder's output.
        config: what is kept.

    Attributes:
        deviations: (K,) what each component was divided by, up to a common factor: times it, they
            are principal components again.
    """

    mean: Tensor
    basis: Tensor
    deviations: Tensor

    def __init__(self, features: int, config: WhiteningConfig) -> None:
        super().__init__()
        self.config = config
        width = min(config.components, features)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("basis", torch.eye(features, width))
        self.register_buffer("deviations", torch.ones(width))

    @property
    def width(self) -> int:
        """K, how many components come out."""
        return self.basis.shape[1]

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Take mean and components from (N, F) training features; with under two rows, keep all."""
        if len(features) < 2:
            return
        step = -(-len(features) // FIT_ROWS)
        unit = functional.normalize(features[::step].double(), dim=1)
        mean = unit.mean(dim=0)
        centred = unit - mean
        variances, directions = torch.linalg.eigh(centred.T @ centred / len(unit))
        variances, directions = variances.flip(0), directions.flip(1)
        variances = variances[: self.width].clamp(min=0)
        floor = self.config.shrinkage * variances.mean() + 1e-12
        basis = directions[:, : self.width] / (variances + floor).sqrt()
        spread = (centred @ basis).std().clamp(min=1e-6)
        self.mean.copy_(mean)
        self.basis.copy_(basis / spread)
        self.deviations.copy_((variances + floor).sqrt())

    def forward(self, features: Tensor) -> Tensor:
        """(N, F) to (N, K)."""
        return (functional.normalize(features, dim=1) - self.mean) @ self.basis
