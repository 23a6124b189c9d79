"""The loss of fine-tuning: all that a person liked next, against everything else."""

import torch
from torch import Tensor
from torch.nn import functional


def multinomial_loss(
    scores: Tensor, weights: Tensor, allowed: Tensor, *, flatten: float = 0.5
) -> Tensor:
    """Cross-entropy of one softmax a row with many positives, rows weighted by positives^flatten.

    Args:
        scores: (Q, C) logits.
        weights: (Q, C) >= 0, how much each candidate is a positive.
        allowed: (Q, C) bool; False takes a candidate out of the softmax. Positives are allowed.
        flatten: 0 weighs all people alike, 1 all positives.
    Returns: scalar; 0 if no row has a positive.
    Source: Liang et al., Variational Autoencoders for Collaborative Filtering (arXiv 1802.05814,
        eq. 2); the weighting between people and positives is ours.
    """
    likelihood = functional.log_softmax(scores.masked_fill(~allowed, -1e4), dim=1)
    total = weights.sum(dim=1)
    present = total > 0
    total = total.clamp(min=1e-6)
    mean = -(likelihood * weights).sum(dim=1) / total
    importance = torch.where(present, total**flatten, 0.0)
    return (mean * importance).sum() / importance.sum().clamp(min=1e-6)
