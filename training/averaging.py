"""The decay of the weights' moving average, step by step and over many steps at once."""

import math

import torch
from torch import Tensor


def decay_at(step: int, most: float) -> float:
    """Share of the average that a step leaves: less in the first steps, when it is still far off.

    Args:
        step: from 1.
        most: of the long run.
    """
    return min(most, (1 + step) / (10 + step))


def kept(since: Tensor, until: int, most: float) -> Tensor:
    """Product of `decay_at` over the steps after `since`, `until` included: (n,) float64.

    In closed form. The early factors (1 + i) / (10 + i) for i = 1 … t multiply to
    10! / ((t + 2) (t + 3) … (t + 10)); all later ones are `most`.

    Args:
        since: (n,) long steps, at most `until`.
        until: a step.
        most: as in `decay_at`.
    """
    if most == 0:
        return (since >= until).double()
    end = torch.tensor([until], device=since.device)
    return (_log_product(end, most) - _log_product(since, most)).exp()


def _log_product(steps: Tensor, most: float) -> Tensor:
    """Logarithm of the product over the steps 1 … t, for each t."""
    rising = max(0, math.ceil((10 * most - 1) / (1 - most)) - 1)  # the last one below `most`
    early = steps.clamp(max=rising).double()
    product = math.log(math.factorial(10)) - sum((early + j).log() for j in range(2, 11))
    return product + (steps - rising).clamp(min=0).double() * math.log(most)
