"""A person is content plus id."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config
from training.modalities import History
from training.model.projection import Projection


class UserTowerConfig(Config):
    """What a person's embedding is made of; at least one of the two."""

    identity: bool = True
    """A learned vector per known person."""
    content: bool = True
    """The person's history; needed for people never seen in training."""
    id_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of people per step who are treated as unknown, so that content alone must do."""


class UserTower(nn.Module):
    """Gate between a learned id and the pooled history of posts and reactions.

    The history is pooled per modality (weighted mean of unit features), projected, and averaged
    over the modalities that it holds. The gate sees both parts and how long the history is, and
    weighs them per dimension; a person without an id or a history is the other part alone.

    Args:
        config: which parts there are.
        users: how many people have a learned vector.
        image_features: width of an image feature.
        text_features: width of a text feature.
        hidden: width between the projections' layers.
        dimension: D of the space.
        dropout: as in `Projection`.
    """

    def __init__(
        self,
        config: UserTowerConfig,
        *,
        users: int,
        image_features: int,
        text_features: int,
        hidden: int,
        dimension: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.config, self.dimension = config, dimension
        self.identities = nn.Embedding(users, dimension)
        nn.init.normal_(self.identities.weight, std=dimension**-0.5)
        self.image = Projection(image_features, hidden, dimension, dropout)
        self.text = Projection(text_features, hidden, dimension, dropout)
        self.gate = nn.Linear(2 * dimension + 1, dimension)

    def forward(self, history: History, users: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings of B people, not yet on the sphere.

        Args:
            history: of the B people.
            users: (B,) long row of the learned vectors, -1 for people who have none.
        Returns: (B, D), and (B,) bool: True where there was anything to embed.
        """
        known = (users >= 0) & self.config.identity
        if self.training and self.config.content:
            dropped = torch.rand(len(users), device=users.device) < self.config.id_dropout
        else:
            dropped = torch.zeros_like(known)
        content, has_content = self.content(history)
        known = known & ~(dropped & has_content)
        identity = functional.normalize(self.identities(users.clamp(min=0)), dim=1)
        length = torch.zeros(history.people, device=users.device)
        length.index_add_(0, history.owner, history.weight)
        both = torch.cat([identity, content, length.log1p()[:, None]], dim=1)
        share = torch.sigmoid(self.gate(both))
        share = torch.where(has_content[:, None], share, torch.ones_like(share))
        share = torch.where(known[:, None], share, torch.zeros_like(share))
        return share * identity + (1 - share) * content, known | has_content

    def content(self, history: History) -> tuple[Tensor, Tensor]:
        """The history alone: (B, D) unit rows (zeros where empty) and (B,) bool."""
        posts = history.posts
        image, has_image = _pool(posts.image, posts.has_image, history)
        text, has_text = _pool(posts.text, posts.has_text, history)
        if not self.config.content:
            has_image, has_text = torch.zeros_like(has_image), torch.zeros_like(has_text)
        parts = self.image(image) * has_image[:, None] + self.text(text) * has_text[:, None]
        return functional.normalize(parts, dim=1), has_image | has_text


def _pool(features: Tensor, present: Tensor, history: History) -> tuple[Tensor, Tensor]:
    """Weighted mean of unit features per person: (B, F), and (B,) bool where there is any."""
    weight = history.weight * present
    unit = functional.normalize(features, dim=1)
    # an absent feature may hold anything, NaN included, and NaN times zero is NaN
    unit = torch.where(present[:, None], unit, torch.zeros_like(unit))
    total = unit.new_zeros(history.people, unit.shape[1])
    total.index_add_(0, history.owner, unit * weight[:, None])
    mass = unit.new_zeros(history.people).index_add_(0, history.owner, weight)
    return total / mass.clamp(min=1e-6)[:, None], mass > 0
