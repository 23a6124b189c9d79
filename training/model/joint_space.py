"""The sphere on which users, images, texts and posts meet."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config
from training.modalities import History, PostFeatures
from training.model.projection import Projection
from training.model.user_tower import UserTower, UserTowerConfig


class ModelConfig(Config):
    """Shape of the trainable part."""

    dimension: Annotated[int, Field(ge=8, le=4096)] = 256
    """D of the space."""
    hidden: Annotated[int, Field(ge=8, le=8192)] = 512
    """Width between the layers of each projection."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of feature and hidden units dropped in training."""
    user: UserTowerConfig = UserTowerConfig()


class JointSpace(nn.Module):
    """Projections of each modality and the user tower, onto one unit sphere.

    Args:
        config: shape of the space.
        users: how many people have a learned vector.
        image_features: width of an image feature.
        text_features: width of a text feature.
    """

    def __init__(
        self, config: ModelConfig, *, users: int, image_features: int, text_features: int
    ) -> None:
        super().__init__()
        self.config = config
        self.image = Projection(image_features, config.hidden, config.dimension, config.dropout)
        self.text = Projection(text_features, config.hidden, config.dimension, config.dropout)
        self.user = UserTower(
            config.user,
            users=users,
            image_features=image_features,
            text_features=text_features,
            hidden=config.hidden,
            dimension=config.dimension,
            dropout=config.dropout,
        )

    def encode_image(self, features: Tensor) -> Tensor:
        """(N, F_image) frozen features to (N, D) unit rows."""
        return functional.normalize(self.image(functional.normalize(features, dim=1)), dim=1)

    def encode_text(self, features: Tensor) -> Tensor:
        """(N, F_text) frozen features to (N, D) unit rows."""
        return functional.normalize(self.text(functional.normalize(features, dim=1)), dim=1)

    def encode_user(self, history: History, users: Tensor) -> tuple[Tensor, Tensor]:
        """People from their histories and ids.

        Args:
            history: of B people.
            users: (B,) long rows of the learned vectors, -1 where a person has none.
        Returns: (B, D) unit rows, and (B,) bool: False where there was neither id nor history and
            the row means nothing.
        """
        vectors, present = self.user(history, users)
        return functional.normalize(vectors, dim=1), present

    def encode_post(self, features: PostFeatures) -> Tensor:
        """Posts as the mean direction of what they hold: (N, D) unit rows.

        Raises: ValueError if a post has neither image nor text.
        """
        if not bool((features.has_image | features.has_text).all()):
            raise ValueError("a post needs an image or a text")
        features = features.blanked()
        return join_post(
            self.encode_image(features.image),
            features.has_image,
            self.encode_text(features.text),
            features.has_text,
        )


def join_post(image: Tensor, has_image: Tensor, text: Tensor, has_text: Tensor) -> Tensor:
    """The post between its image and its text, absent ones left out: (N, D) unit rows."""
    nothing = torch.zeros_like(image)
    image = torch.where(has_image[:, None], image, nothing)
    text = torch.where(has_text[:, None], text, nothing)
    return functional.normalize(image + text, dim=1)
