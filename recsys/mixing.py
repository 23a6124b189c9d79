"""Several things to look for at once, as one place on the sphere."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.versions import Target
from recsys.view import View
from training.errors import Conflict

_NOTHING = 1e-6


@dataclass(frozen=True)
class QueryVector:
    """One part of a mix.

    Attributes:
        asker: what it is.
        vector: (D,) unit, as the model embedded it.
        weight: its share; below 0: away from it.
    """

    asker: Target
    vector: np.ndarray
    weight: float = 1.0


def mixed(parts: Sequence[QueryVector], target: Target, view: View) -> np.ndarray:
    """The (D,) unit query for a target: each part as it asks for it, then their weighted sum.

    Raises: Conflict if the parts cancel out.
    """
    total = np.zeros(view.dimension, np.float32)
    for part in parts:
        total += part.weight * view.aimed(part.vector[None], part.asker, target)[0]
    length = float(np.linalg.norm(total))
    if length < _NOTHING:
        raise Conflict(
            "the parts of the query cancel out", hint="change the weights, or leave a part out"
        )
    return total / length
