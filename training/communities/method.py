"""What a way of grouping people is; each is one class in one file."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from training.registry import Registry

NOBODY = -1
"""The label of people who are in no community."""


class Method(ABC):
    """Groups points at a level of detail.

    To add one, decorate a class in a file of this package and import it in `find`:

        @methods.register("mine")
        class Mine(Method):
            levels = (1.0, 2.0, 4.0)
    """

    levels: tuple[float, ...]
    """Levels to choose from, the coarsest first."""

    @abstractmethod
    def prepare(self, points: np.ndarray) -> Any:
        """What all levels and seeds share, such as a graph, of (M, F) unit rows."""

    @abstractmethod
    def group(self, prepared: Any, level: float, seed: int) -> np.ndarray:
        """(M,) int labels from 0, NOBODY for points that belong nowhere."""


methods: Registry[type[Method]] = Registry("method of grouping")


def renumbered(labels: np.ndarray, least: int = 1) -> np.ndarray:
    """Labels by size: 0 is the largest group; groups under `least` points become NOBODY."""
    known, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    sizes[(known == NOBODY) | (sizes < least)] = 0
    order = np.argsort(-sizes, kind="stable")
    number = np.full(len(known), NOBODY)
    number[order] = np.where(sizes[order] > 0, np.arange(len(known)), NOBODY)
    return number[place]
