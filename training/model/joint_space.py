"""The sphere on which users, images, texts and posts meet."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config
from training.modalities import History, Modality, PostFeatures
from training.model.layout import Block, Pair, blocks_of
from training.model.projection import Projection
from training.model.user_tower import UserTower, UserTowerConfig, facts_of, pool
from training.model.whitening import Whitening, WhiteningConfig


class ModelConfig(Config):
    """Shape of the trainable part."""

    dimension: Annotated[int, Field(ge=8, le=4096)] = 384
    """D of the space, divided among the blocks of the layout."""
    layout: Literal["private", "shared"] = "private"
    """A block for each pair, or one for all; see `training.model.layout`."""
    pairs: Annotated[tuple[Pair, ...], Field(min_length=1)] = tuple(Pair)
    """Which pairs are trained."""
    hidden: Annotated[int, Field(ge=8, le=8192)] = 256
    """Width between the layers of each projection."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of hidden units dropped in training."""
    input_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of whitened components dropped in training."""
    whitening: WhiteningConfig = WhiteningConfig()
    user: UserTowerConfig = UserTowerConfig()


Blocks = dict[str, Tensor]
"""Block name to (N, width) unit rows."""


class JointSpace(nn.Module):
    """Projections of each modality and the user towers, onto one unit sphere.

    A vector is its blocks side by side, each of unit length, the whole scaled to unit length.
    Methods named `…_blocks` take whitened features, which training computes once; the others take
    the features of encoders.

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
        self.blocks: tuple[Block, ...] = blocks_of(config.layout, config.pairs, config.dimension)
        self.whiten_image = Whitening(image_features, config.whitening)
        self.whiten_text = Whitening(text_features, config.whitening)
        self.image = self._projections(self.whiten_image.width)
        self.text = self._projections(self.whiten_text.width)
        self.people = nn.ModuleDict(
            {
                block.name: UserTower(max(users, 1), block.dimension, len(block.history))
                for block in self.blocks
                if block.has_people
            }
        )
        self.input_dropout = nn.Dropout(config.input_dropout)

    def fit_inputs(self, features: PostFeatures) -> None:
        """Fit the whitening to training posts; once, before the first step."""
        self.whiten_image.fit(features.image[features.has_image])
        self.whiten_text.fit(features.text[features.has_text])

    def whiten(self, features: PostFeatures) -> PostFeatures:
        """The same posts with whitened features; absent ones stay masked, and are zero."""
        features = features.blanked()
        return PostFeatures(
            self.whiten_image(features.image),
            features.has_image,
            self.whiten_text(features.text),
            features.has_text,
        )

    # -- vectors -----------------------------------------------------------------------------

    def encode_image(self, features: Tensor) -> Tensor:
        """(N, F_image) features to (N, D) unit rows."""
        return join(self.image_blocks(self.whiten_image(features)))

    def encode_text(self, features: Tensor) -> Tensor:
        """(N, F_text) features to (N, D) unit rows."""
        return join(self.text_blocks(self.whiten_text(features)))

    def encode_user(self, history: History, users: Tensor) -> tuple[Tensor, Tensor]:
        """People from their histories and ids.

        Args:
            history: of B people, with features of the encoders.
            users: (B,) long rows of the learned vectors, -1 where a person has none.
        Returns: (B, D) unit rows, and (B,) bool: False where there was neither id nor history and
            the row means nothing.
        """
        white = History(self.whiten(history.posts), history.owner, history.weight, history.people)
        blocks, present = self.user_blocks(white, users)
        return join(blocks), present

    def encode_post(self, features: PostFeatures) -> Tensor:
        """Posts as the mean direction of what they hold: (N, D) unit rows.

        Raises: ValueError if a post has neither image nor text.
        """
        if not bool((features.has_image | features.has_text).all()):
            raise ValueError("a post needs an image or a text")
        white = self.whiten(features)
        return join_post(
            join(self.image_blocks(white.image)),
            features.has_image,
            join(self.text_blocks(white.text)),
            features.has_text,
        )

    # -- blocks ------------------------------------------------------------------------------

    def image_blocks(self, features: Tensor) -> Blocks:
        """(N, K) whitened image features in every block."""
        return self._project(self.image, self.input_dropout(features))

    def text_blocks(self, features: Tensor) -> Blocks:
        """(N, K) whitened text features in every block."""
        return self._project(self.text, self.input_dropout(features))

    def user_blocks(self, history: History, users: Tensor) -> tuple[Blocks, Tensor]:
        """B people in every block, and (B,) bool: whether there was anything to place them by.

        A person whose posts lack the block's modality is placed by the other one: its position in
        this block was fitted to the same people.
        """
        posts = history.posts
        image, images = pool(posts.image, posts.has_image, history)
        text, texts = pool(posts.text, posts.has_text, history)
        has_image, has_text = images > 0, texts > 0
        if not self.config.user.content:
            has_image, has_text = torch.zeros_like(has_image), torch.zeros_like(has_text)
        known = self._known(users, has_image | has_text)
        facts = facts_of(images * has_image, texts * has_text, known)
        rows = users.clamp(min=0)
        image, text = self.input_dropout(image), self.input_dropout(text)
        blocks: Blocks = {}
        for block in self.blocks:
            name = block.name
            pictured = _unit(self.image[name](image)) * has_image[:, None]
            written = _unit(self.text[name](text)) * has_text[:, None]
            if not block.has_people:
                blocks[name] = _unit(pictured + written).detach()
                continue
            contents = _contents(block, pictured, written, has_image, has_text)
            blocks[name] = _unit(self.people[name](rows, known, contents, facts))
        return blocks, known | has_image | has_text

    def _known(self, users: Tensor, has_content: Tensor) -> Tensor:
        """(B,) bool: whose id is used; in training some with a history are treated as unknown."""
        known = (users >= 0) & self.config.user.identity
        if self.training:
            dropped = torch.rand(len(users), device=users.device) < self.config.user.id_dropout
            known = known & ~(dropped & has_content)
        return known

    def _projections(self, width: int) -> nn.ModuleDict:
        config = self.config
        return nn.ModuleDict(
            {
                block.name: Projection(width, config.hidden, block.dimension, config.dropout)
                for block in self.blocks
            }
        )

    def _project(self, projections: nn.ModuleDict, features: Tensor) -> Blocks:
        return {name: _unit(projection(features)) for name, projection in projections.items()}


def _contents(
    block: Block, pictured: Tensor, written: Tensor, has_image: Tensor, has_text: Tensor
) -> list[Tensor]:
    """What stands for a person's history in a block, a part a modality of `block.history`."""
    if len(block.history) == 2:
        return [pictured, written]
    if block.history[0] is Modality.IMAGE:
        return [torch.where(has_image[:, None], pictured, written.detach())]
    return [torch.where(has_text[:, None], written, pictured.detach())]


def join(blocks: Blocks) -> Tensor:
    """Blocks side by side as one unit vector: (N, D); a zero block stays zero."""
    return functional.normalize(torch.cat(list(blocks.values()), dim=1), dim=1)


def join_post(image: Tensor, has_image: Tensor, text: Tensor, has_text: Tensor) -> Tensor:
    """The post between its image and its text, absent ones left out: (N, D) unit rows."""
    nothing = torch.zeros_like(image)
    image = torch.where(has_image[:, None], image, nothing)
    text = torch.where(has_text[:, None], text, nothing)
    return functional.normalize(image + text, dim=1)


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors, dim=1)
