"""Hinges over triplets: the sum, the hardest, and the mean over violations."""

import torch
from torch import Tensor

from training.losses.base import PairLoss, losses


def violations(scores: Tensor, positives: Tensor, ignored: Tensor, margin: float) -> Tensor:
    """By how much each negative comes within `margin` of the query's worst-scored positive.

    Args:
        scores: (Q, C) cosine similarities.
        positives: (Q, C) bool.
        ignored: (Q, C) bool.
        margin: in cosine units.
    Returns: (Q, C), >= 0; 0 at positives and ignored candidates.
    """
    worst = scores.masked_fill(~positives, torch.inf).amin(dim=1, keepdim=True)
    return (margin - worst + scores).clamp(min=0).masked_fill(positives | ignored, 0)


@losses.register("sum_of_hinges")
class SumOfHinges(PairLoss):
    """Sum of all violations: every negative counts, the many easy ones drown the hard.

    Source: arXiv 1411.2539; eq. 4 of VSE++ (arXiv 1707.05612).
    """

    def rows(self, scores: Tensor, positives: Tensor, ignored: Tensor) -> Tensor:
        """See `PairLoss.forward`."""
        return violations(scores, positives, ignored, self.config.margin).sum(dim=1)


@losses.register("max_of_hinges")
class MaxOfHinges(PairLoss):
    """The hardest violation alone: sharp, but one false negative rules.

    Source: eq. 6 of VSE++ (arXiv 1707.05612).
    """

    def rows(self, scores: Tensor, positives: Tensor, ignored: Tensor) -> Tensor:
        """See `PairLoss.forward`."""
        return violations(scores, positives, ignored, self.config.margin).amax(dim=1)


@losses.register("violation_averaged_hinge")
class ViolationAveragedHinge(PairLoss):
    """Mean over the violating negatives: between the sum and the max.

    The count of violations is a constant to the gradient. Between eq. 4 and 6 of VSE++
    (arXiv 1707.05612).
    """

    def rows(self, scores: Tensor, positives: Tensor, ignored: Tensor) -> Tensor:
        """See `PairLoss.forward`."""
        each = violations(scores, positives, ignored, self.config.margin)
        return each.sum(dim=1) / (each > 0).sum(dim=1).clamp(min=1)
