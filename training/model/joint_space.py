"""The sphere on which users, images, texts and posts meet."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config
from training.modalities import History, Modality, PostFeatures
from training.model.audience import Audience, AudienceConfig, asking
from training.model.layout import APPEAL, AUDIENCE, MEANING, Block, Pair, blocks_of
from training.model.meaning import Meaning
from training.model.projection import Projection
from training.model.user_tower import UserTower, UserTowerConfig, facts_of, pool, with_modules
from training.model.whitening import FIT_ROWS, Whitening, WhiteningConfig


class ModelConfig(Config):
    """Shape of the trainable part."""

    dimension: Annotated[int, Field(ge=8, le=4096)] = 768
    """Coordinates that are divided among the pairs of the layout; other blocks come on top."""
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
    meaning: Annotated[int, Field(ge=0, le=4096)] = 256
    """Coordinates for what is written about, of the private layout; 0 for none."""
    audience: AudienceConfig = AudienceConfig()
    """Who would post it, of the private layout."""

    def unsharded(self) -> "ModelConfig":
        """The same model with its people whole in one process, as it is saved."""
        if self.user.table.kind != "sharded":
            return self
        table = self.user.table.model_copy(update={"kind": "full"})
        return self.model_copy(update={"user": self.user.model_copy(update={"table": table})})


Blocks = dict[str, Tensor]
"""Block name to (N, width) unit rows."""
PICTURED = 0.5
"""Weight of a person's images beside their texts in `meaning`, where texts are at home."""


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
        self.image_features, self.text_features = image_features, text_features
        self.whiten_image = Whitening(image_features, config.whitening)
        self.whiten_text = Whitening(text_features, config.whitening)
        self.blocks: tuple[Block, ...] = blocks_of(
            config.layout,
            config.pairs,
            config.dimension,
            meaning=min(config.meaning, self.whiten_text.width),
            audience=min(config.audience.prototypes, max(users, 1)),
        )
        """All blocks of a vector, in their order."""
        self.image = self._projections(self.whiten_image.width)
        self.text = self._projections(self.whiten_text.width)
        self.people = nn.ModuleDict(
            {
                block.name: UserTower(
                    max(users, 1), block.dimension, len(block.history), config.user.table
                )
                for block in self.blocks
                if block.has_people
            }
        )
        self._derive()
        self.input_dropout = nn.Dropout(config.input_dropout)

    def fit_inputs(self, features: PostFeatures, rows: Tensor | None = None) -> None:
        """Fit the whitening to training posts; once, before the first step.

        Args:
            features: of posts; of many only some are read.
            rows: (n,) long, the training posts among them; None: all.
        """
        rows = torch.arange(len(features)) if rows is None else rows
        for whitening, values, present in (
            (self.whiten_image, features.image, features.has_image),
            (self.whiten_text, features.text, features.has_text),
        ):
            there = rows[present[rows]]
            whitening.fit(values[there[:: max(1, -(-len(there) // FIT_ROWS))]])
        if self.meaning is not None:
            self.meaning.fit(self.whiten_text.deviations)

    @property
    def dimension(self) -> int:
        """D, coordinates of a whole vector."""
        return sum(block.dimension for block in self.blocks)

    @torch.no_grad()
    def identities(self, users: Tensor) -> Blocks:
        """What was learned of people (n,) long, as the rows they have here; see `knowing`."""
        towers = self.people.items()
        return {name: tower.identities(users) for name, tower in towers}  # type: ignore[operator]

    def knowing(self, identities: Blocks) -> "JointSpace":
        """The same space with the learned vectors of n other people, all else shared.

        Args:
            identities: block name to (n, width), as `identities` gives them.
        """
        towers = {name: self.people[name].knowing(rows) for name, rows in identities.items()}  # type: ignore[operator]
        return with_modules(self, people=nn.ModuleDict(towers))

    @torch.no_grad()
    def people_places(self, history: History, users: Tensor) -> Tensor:
        """Where people stand among people, for `fit_audience`; see `encode_user` for arguments.

        Returns: (P, W) unit blocks with people side by side, of those who can be placed.
        """
        blocks, present = self.user_blocks(self._whitened(history), users)
        return torch.cat([blocks[name] for name in self.people], dim=1)[present]

    def fit_audience(self, places: Tensor) -> None:
        """Fit the prototypes to people (P, W), once training is over; see `people_places`."""
        if self.audience is not None:
            widths = [block.dimension for block in self.blocks if block.has_people]
            self.audience.fit(places, widths)

    def whiten(self, features: PostFeatures) -> PostFeatures:
        """The same posts with whitened features; absent ones stay masked, and are finite."""
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
        return self.image_vectors(self.whiten_image(features))

    def encode_text(self, features: Tensor) -> Tensor:
        """(N, F_text) features to (N, D) unit rows."""
        return self.text_vectors(self.whiten_text(features))

    def encode_user(self, history: History, users: Tensor) -> tuple[Tensor, Tensor]:
        """People from their histories and ids.

        Args:
            history: of B people, with features of the encoders.
            users: (B,) long rows of the learned vectors, -1 where a person has none.
        Returns: (B, D) unit rows, and (B,) bool: False where there was neither id nor history and
            the row means nothing.
        """
        return self.user_vectors(self._whitened(history), users)

    def encode_post(self, features: PostFeatures) -> Tensor:
        """Posts as the mean direction of what they hold: (N, D) unit rows.

        Raises: ValueError if a post has neither image nor text.
        """
        if not bool((features.has_image | features.has_text).all()):
            raise ValueError("a post needs an image or a text")
        return self.post_vectors(self.whiten(features))

    def image_vectors(self, features: Tensor) -> Tensor:
        """(N, K) whitened image features to (N, D) unit rows."""
        blocks = self.image_blocks(features)
        return join(self._with_audience(blocks, self._evidence(blocks, Modality.IMAGE)))

    def text_vectors(self, features: Tensor) -> Tensor:
        """(N, K) whitened text features to (N, D) unit rows."""
        blocks = self.text_blocks(features)
        return join(self._with_audience(blocks, self._evidence(blocks, Modality.TEXT)))

    def post_vectors(self, posts: PostFeatures) -> Tensor:
        """Posts with whitened features to (N, D) unit rows; zero where a post holds nothing."""
        image, text = self.image_blocks(posts.image), self.text_blocks(posts.text)
        has_image, has_text = posts.has_image[:, None], posts.has_text[:, None]
        sums = {name: image[name] * has_image + text[name] * has_text for name in image}
        # image and text that agree in a block make it longer than one in which they don't
        squares = torch.stack([each.square().sum(dim=1) for each in sums.values()])
        length = (squares.sum(dim=0) / (squares > 0).sum(dim=0).clamp(min=1)).sqrt()
        mean = {name: each / length.clamp(min=1e-6)[:, None] for name, each in sums.items()}
        # independent witnesses: what each says of the author adds up
        seen = self._evidence(image, Modality.IMAGE) * has_image
        read = self._evidence(text, Modality.TEXT) * has_text
        # with no evidence at all everybody is as likely; nothing is still nothing
        return join(self._with_audience(mean, seen + read)) * (has_image | has_text)

    def user_vectors(self, history: History, users: Tensor) -> tuple[Tensor, Tensor]:
        """As `encode_user`, from a history with whitened features."""
        blocks, present = self.user_blocks(history, users)
        evidence = self._evidence(blocks, Modality.USER)
        return join(self._with_audience(blocks, evidence, asks=True)), present

    def _with_audience(self, blocks: Blocks, evidence: Tensor, *, asks: bool = False) -> Blocks:
        """The blocks and, after them, those that are derived from the evidence of an author."""
        if self.audience is None:
            return blocks
        audience, appeal = self.audience(evidence)
        return blocks | {AUDIENCE: audience, APPEAL: asking(appeal) if asks else appeal}

    def _evidence(self, blocks: Blocks, modality: Modality) -> Tensor:
        """(N, W) places among people, weighed by how much they say about who it is."""
        hearsay = self.config.audience.hearsay if len(self.people) > 1 else 1.0
        weights = {f"user_{modality.value}": 1.0}
        if modality is Modality.USER:
            weights, hearsay = {}, 1 / max(1, len(self.people))
        parts = [weights.get(name, hearsay) * blocks[name] for name in self.people]
        return torch.cat(parts, dim=1) if parts else next(iter(blocks.values()))[:, :0]

    # -- blocks ------------------------------------------------------------------------------

    def image_blocks(self, features: Tensor) -> Blocks:
        """(N, K) whitened image features in every block with a place for content."""
        dropped = self.input_dropout(features)
        blocks = self._project(self.image, dropped)
        return (
            blocks if self.meaning is None else blocks | {MEANING: self.meaning.of_image(dropped)}
        )

    def text_blocks(self, features: Tensor) -> Blocks:
        """(N, K) whitened text features in every block with a place for content."""
        blocks = self._project(self.text, self.input_dropout(features))
        return (
            blocks if self.meaning is None else blocks | {MEANING: self.meaning.of_text(features)}
        )

    def user_blocks(self, history: History, users: Tensor) -> tuple[Blocks, Tensor]:
        """B people in the same blocks, and (B,) bool: whether there was anything to place them by.

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
        blocks: Blocks = {}
        if self.meaning is not None:
            pictured = self.meaning.of_image(image) * has_image[:, None] * PICTURED
            written = self.meaning.of_text(text) * has_text[:, None]
            blocks[MEANING] = _unit(pictured + written).detach()
        image, text = self.input_dropout(image), self.input_dropout(text)
        for block in filter(lambda block: block.is_projected, self.blocks):
            name = block.name
            pictured = _unit(self.image[name](image)) * has_image[:, None]
            written = _unit(self.text[name](text)) * has_text[:, None]
            if not block.has_people:
                blocks[name] = _unit(pictured + written).detach()
                continue
            contents = _contents(block, pictured, written, has_image, has_text)
            blocks[name] = _unit(self.people[name](rows, known, contents, facts))
        ordered = {block.name: blocks[block.name] for block in self.blocks if block.name in blocks}
        return ordered, known | has_image | has_text

    def _known(self, users: Tensor, has_content: Tensor) -> Tensor:
        """(B,) bool: whose id is used; in training some with a history are treated as unknown."""
        known = (users >= 0) & self.config.user.identity
        if self.training:
            dropped = torch.rand(len(users), device=users.device) < self.config.user.id_dropout
            known = known & ~(dropped & has_content)
        return known

    def _projections(self, width: int) -> nn.ModuleDict:
        return nn.ModuleDict(
            {
                block.name: self._projection(width, block.dimension)
                for block in self.blocks
                if block.is_projected
            }
        )

    def _derive(self) -> None:
        """The parts behind the blocks that no pair owns, as far as the layout has them."""
        widths = {block.name: block.dimension for block in self.blocks}
        self.meaning = self.audience = None
        if MEANING in widths:
            taught = Pair.IMAGE_TEXT in self.config.pairs
            image = self._projection(self.whiten_image.width, widths[MEANING]) if taught else None
            self.meaning = Meaning(image, widths[MEANING])
        if AUDIENCE in widths:
            width = sum(block.dimension for block in self.blocks if block.has_people)
            self.audience = Audience(self.config.audience, widths[AUDIENCE], width)

    def _projection(self, width: int, dimension: int) -> Projection:
        return Projection(width, self.config.hidden, dimension, self.config.dropout)

    def _whitened(self, history: History) -> History:
        posts = self.whiten(history.posts)
        return History(posts, history.owner, history.weight, history.people)

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


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors, dim=1)
