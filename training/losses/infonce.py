"""InfoNCE with several positives a query."""

import torch
from torch import Tensor

from training.losses.base import PairLoss, PairLossConfig, Temperature, losses


@losses.register("infonce")
class InfoNCE(PairLoss):
    """Cross-entropy between a query's softmax over candidates and its positives, all alike.

    For one positive a query this is the loss of CLIP; for several it is the mean of their
    log-probabilities outside the logarithm, so that no positive is left behind.
    Source: arXiv 1807.03748, eq. 4; SupCon, arXiv 2004.11362, eq. 2 (L_out).
    """

    def __init__(self, config: PairLossConfig) -> None:
        super().__init__(config)
        self.temperature = Temperature(config)

    def rows(self, scores: Tensor, positives: Tensor, ignored: Tensor) -> Tensor:
        """See `PairLoss.forward`."""
        logits = self.temperature(scores).masked_fill(ignored, -torch.inf)
        log_probability = logits.log_softmax(dim=1).masked_fill(~positives, 0)
        return -log_probability.sum(dim=1) / positives.sum(dim=1)
