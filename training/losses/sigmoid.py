"""Pairwise sigmoid loss."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.losses.base import PairLoss, PairLossConfig, Temperature, losses


@losses.register("sigmoid")
class Sigmoid(PairLoss):
    """Each query–candidate pair as a binary decision; no softmax, so no competition of positives.

    Source: SigLIP, arXiv 2303.15343, eq. 1, with its bias of -10 at the start against the weight of
    the many negatives.
    """

    def __init__(self, config: PairLossConfig) -> None:
        super().__init__(config)
        self.temperature = Temperature(config)
        self.bias = nn.Parameter(torch.tensor([-10.0]))

    def rows(self, scores: Tensor, positives: Tensor, ignored: Tensor) -> Tensor:
        """See `PairLoss.forward`."""
        logits = self.temperature(scores) + self.bias
        signs = positives.float() * 2 - 1
        return -functional.logsigmoid(signs * logits).masked_fill(ignored, 0).sum(dim=1)
