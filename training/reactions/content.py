"""What a post's image and text say of it, for posts that nobody reacted to yet."""

from collections.abc import Mapping
from typing import Self

import numpy as np
import torch
from torch import Tensor

from training.modalities import PostFeatures
from training.model.whitening import Whitening, WhiteningConfig

MODALITIES = ("image", "text")
MOST_COMPONENTS = 384
BIAS = 0.3
"""Beside unit rows: the ridge's intercept, shrunk like its other weights."""


class Content:
    """Whitened features of image and text side by side, zero where a post lacks one of them.

    Args:
        whitening: of each modality that the data has; fitted.
        dimension: how many components of each modality make up the content block.
    """

    def __init__(self, whitening: Mapping[str, Whitening], dimension: int) -> None:
        self.whitening = dict(whitening)
        self.dimension = dimension

    @classmethod
    def fit(cls, features: PostFeatures, dimension: int) -> Self:
        """Take means and components from the posts; content is no label, so from all of them."""
        found = {}
        for modality in MODALITIES:
            values, present = _of(features, modality)
            if values.shape[1] and int(present.sum()) > 1:
                config = WhiteningConfig(components=MOST_COMPONENTS)
                found[modality] = Whitening(values.shape[1], config)
                found[modality].fit(values[present])
        return cls(found, dimension)

    @property
    def block_width(self) -> int:
        """C, width of `block`."""
        return sum(min(w.width, self.dimension) for w in self.whitening.values())

    @property
    def design_width(self) -> int:
        """W, width of `design`."""
        return sum(w.width for w in self.whitening.values()) + 1

    def block(self, features: PostFeatures) -> np.ndarray:
        """(N, C) float32 unit rows of the strongest components; zero for a post without content."""
        return _unit(self._whitened(features, self.dimension))

    def design(self, features: PostFeatures) -> np.ndarray:
        """(N, W) float32: all components as unit rows, and the bias; what the ridge reads."""
        rows = _unit(self._whitened(features, MOST_COMPONENTS))
        return np.pad(rows, ((0, 0), (0, 1)), constant_values=BIAS)

    def state(self) -> dict[str, Tensor]:
        """Tensors to save."""
        return {
            f"content.{modality}.{name}": tensor.contiguous()
            for modality, whitening in self.whitening.items()
            for name, tensor in whitening.state_dict().items()
        }

    @classmethod
    def of_state(cls, tensors: Mapping[str, Tensor], dimension: int) -> Self:
        """What `state` gave."""
        found = {}
        for modality in MODALITIES:
            prefix = f"content.{modality}."
            own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            if own:
                features, width = own["basis"].shape
                found[modality] = Whitening(features, WhiteningConfig(components=max(2, width)))
                found[modality].load_state_dict(own)
        return cls(found, dimension)

    @torch.no_grad()
    def _whitened(self, features: PostFeatures, most: int) -> np.ndarray:
        parts = [np.zeros((len(features), 0), dtype=np.float32)]
        for modality, whitening in self.whitening.items():
            values, present = _of(features, modality)
            part = torch.zeros(len(values), min(whitening.width, most))
            part[present] = whitening(values[present].float())[:, :most]
            parts.append(part.numpy())
        return np.concatenate(parts, axis=1)


def ridge(design: np.ndarray, targets: np.ndarray, strength: float) -> np.ndarray:
    """(W, d) float32 least-squares map from design (N, W) to targets (N, d), shrunk.

    Args:
        design: content of the posts that have a target.
        targets: their vectors.
        strength: penalty as a share of the design's mean variance.
    """
    gram = design.T @ design
    gram[np.diag_indices(len(gram))] += strength * max(np.trace(gram) / len(gram), 1e-6)
    return np.linalg.solve(gram, design.T @ targets).astype(np.float32)


def _of(features: PostFeatures, modality: str) -> tuple[Tensor, Tensor]:
    return getattr(features, modality), getattr(features, f"has_{modality}")


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
