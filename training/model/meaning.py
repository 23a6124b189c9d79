"""What is written about: texts as their encoder places them, and images where their texts are.

A loss that tells people or posts apart bends the neighbourhoods of texts; what people are
interested in is lost on the way. Here the neighbourhoods stay: within-modality structure is kept by
not touching it, a hard form of the neighbour terms of Thomas and Kovashka (arXiv 2007.08617).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Meaning(nn.Module):
    """Leading principal components of text features, and a projection of images to them.

    Args:
        image: (N, K) whitened image features to (N, width), learned; None if nothing trains it.
        width: of the block, at most the number of components.
    """

    scale: Tensor

    def __init__(self, image: nn.Module | None, width: int) -> None:
        super().__init__()
        self.image = image
        self.register_buffer("scale", torch.ones(width))

    @torch.no_grad()
    def fit(self, deviations: Tensor) -> None:
        """Give back the spread that whitening took from each component: its `deviations` (K,)."""
        self.scale.copy_(deviations[: len(self.scale)])

    def of_text(self, features: Tensor) -> Tensor:
        """(N, K) whitened text features to (N, width) unit rows."""
        return functional.normalize(features[:, : len(self.scale)] * self.scale, dim=1)

    def of_image(self, features: Tensor) -> Tensor:
        """(N, K) whitened image features to (N, width) unit rows; zero if nothing is learned."""
        if self.image is None:
            return features.new_zeros(len(features), len(self.scale))
        return functional.normalize(self.image(features), dim=1)
