"""Who would post this: contents and people as distributions over people.

Images and texts by one hand resemble each other little, yet each tells much about whose it is. The
dot product of two such guesses is the chance that both have one author, softened: knowledge between
image and text that no pair of the two can learn, and not a linear function of their positions.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config

_REACH = 3.0
"""Appeal beyond this is not told apart; a post's evidence sums to about 2."""


class AudienceConfig(Config):
    """How finely people are told apart."""

    prototypes: Annotated[int, Field(ge=0, le=4096)] = 512
    """Width of the block: every person if there are no more, else centres of people; 0 for none."""
    sharpness: Annotated[float, Field(gt=0)] = 15.0
    """Inverse temperature of the softmax over prototypes."""
    hearsay: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Weight of an image's place among texts' people, and of a text's among images'."""


class Audience(nn.Module):
    """Softmax over prototypes of people, and its partition sum.

    A place x gets the square roots of p(k | x) ~ exp(sharpness * <x, prototype k>): unit rows whose
    dot product is the Bhattacharyya coefficient of the two distributions. The logarithm of the mean
    of the exponentials says how well x suits people at large: by this the inverted softmax (Smith
    et al., arXiv 1702.03859, eq. 7) corrects a candidate that would be near everybody.

    Args:
        config: of the softmax.
        count: K, how many prototypes there can be.
        width: W, coordinates of the blocks with people side by side.
    """

    prototypes: Tensor
    sizes: Tensor

    def __init__(self, config: AudienceConfig, count: int, width: int) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("prototypes", torch.zeros(count, width))
        self.register_buffer("sizes", torch.zeros(count))

    @torch.no_grad()
    def fit(self, people: Tensor, widths: Sequence[int]) -> None:
        """Take people as prototypes, or centres of them if there are more than K.

        Args:
            people: (P, W) unit blocks side by side.
            widths: of those blocks; each prototype has unit blocks again.
        """
        count = len(self.prototypes)
        sizes = np.ones(len(people))
        centres = people.cpu().numpy()
        if len(people) > count:
            centres, sizes = _centres(centres, count)
        found = torch.from_numpy(np.ascontiguousarray(centres, np.float32)).to(self.prototypes)
        parts = [functional.normalize(part, dim=1) for part in found.split(list(widths), dim=1)]
        self.prototypes.zero_()
        self.sizes.zero_()
        if len(found):
            self.prototypes[: len(found)] = torch.cat(parts, dim=1)
            self.sizes[: len(found)] = torch.from_numpy(sizes).to(self.sizes)

    def forward(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Audience (N, K) and appeal (N, 2), unit rows; zero before `fit`.

        Args:
            places: (N, W) weighed places in the blocks with people, side by side.
        """
        there = self.sizes > 0
        if not bool(there.any()):
            return places.new_zeros(len(places), len(self.sizes)), places.new_zeros(len(places), 2)
        logits = self.config.sharpness * (places @ self.prototypes.T)
        logits = logits.masked_fill(~there, -torch.inf)
        share = (self.sizes / self.sizes.sum()).log()
        appeal = (logits + share).logsumexp(dim=1) / self.config.sharpness
        return logits.softmax(dim=1).sqrt(), _on_circle(-appeal / _REACH)


def asking(appeal: Tensor) -> Tensor:
    """(N, 2) what people hold where contents hold their appeal, so as to be shown the special."""
    there = appeal.any(dim=1).to(appeal)
    return torch.stack([there, torch.zeros_like(there)], dim=1)


def _on_circle(height: Tensor) -> Tensor:
    """(N,) in [-1, 1] as (N, 2) unit rows, whose product with (1, 0) it is."""
    height = height.clamp(-1, 1)
    return torch.stack([height, (1 - height.square()).clamp(min=0).sqrt()], dim=1)


def _centres(people: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.cluster import MiniBatchKMeans

    found = MiniBatchKMeans(count, n_init=1, random_state=0, batch_size=4 * count).fit(people)  # type: ignore[arg-type]
    sizes = np.bincount(found.labels_, minlength=count)
    return np.asarray(found.cluster_centers_, np.float32), sizes.astype(np.float64)
