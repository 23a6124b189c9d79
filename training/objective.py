"""One step's loss: towers, pairs, negatives of all workers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from training.batches import Batch
from training.config import Config
from training.distributed import total, world_size
from training.encoders import Encoder
from training.examples import PostKeys
from training.losses.base import PairLoss, PairLossConfig, build_loss
from training.losses.pairs import Pair, Points, matches
from training.modalities import Modality, PostFeatures
from training.model.joint_space import JointSpace, join_post
from training.tuning import Content, encode_present


class LossesConfig(Config):
    """A loss and a weight per modality pair."""

    image_text: PairLossConfig = PairLossConfig()
    user_image: PairLossConfig = PairLossConfig()
    user_text: PairLossConfig = PairLossConfig()
    user_post: PairLossConfig = PairLossConfig()
    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a batch's posts that lose one of their two modalities for the step."""

    def of(self, pair: Pair) -> PairLossConfig:
        """The part of one pair."""
        return getattr(self, pair.value)


class Objective(nn.Module):
    """The joint loss over all modality pairs; the module that data-parallel training wraps.

    Args:
        space: the towers to train.
        config: losses and weights.
        encoders: those that are trained too, by modality (`image`, `text`).
        content: raw content for them.
    """

    def __init__(
        self,
        space: JointSpace,
        config: LossesConfig,
        encoders: Mapping[str, Encoder] | None = None,
        content: Content | None = None,
    ) -> None:
        super().__init__()
        self.space, self.config, self.content = space, config, content
        self.encoders = nn.ModuleDict(encoders or {})
        self.losses = nn.ModuleDict(
            {pair.value: build_loss(config.of(pair)) for pair in Pair if config.of(pair).weight}
        )

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of this worker's share of the global batch.

        Scaled such that the mean over workers, which data-parallel training takes of gradients, is
        the loss of the global batch on one worker.

        Returns: scalar loss, and each pair's part of the global loss, detached.
        """
        local = self._points(batch)
        everyone = {
            modality: points.gathered(
                batch.most_people if modality is Modality.USER else batch.most_posts
            )
            for modality, points in local.items()
        }
        loss = next(iter(local.values())).vectors.new_zeros(())
        terms: dict[str, Tensor] = {}
        for name, pair_loss in self.losses.items():
            pair = Pair(name)
            first, second = pair.sides
            value = self._direction(pair, pair_loss, (first, second), local, everyone)  # type: ignore[arg-type]
            value = value + self._direction(pair, pair_loss, (second, first), local, everyone)  # type: ignore[arg-type]
            terms[name] = total(value) / (2 * world_size())
            loss = loss + self.config.of(pair).weight * value / 2
        return loss, terms

    def _points(self, batch: Batch) -> dict[Modality, Points]:
        posts, space = self._tuned(batch).blanked(), self.space
        has_image, has_text = self._drop_modalities(posts.has_image, posts.has_text)
        # every projection runs on every worker, whatever it holds: their gradients must meet
        image, text = space.encode_image(posts.image), space.encode_text(posts.text)
        users, has_user = space.encode_user(batch.history, batch.people)
        person = PostKeys(batch.people, batch.people, batch.people, batch.people)
        return {
            Modality.IMAGE: Points(image, has_image, batch.keys),
            Modality.TEXT: Points(text, has_text, batch.keys),
            Modality.POST: Points(
                join_post(image, has_image, text, has_text), has_image | has_text, batch.keys
            ),
            Modality.USER: Points(users, has_user, person),
        }

    def _tuned(self, batch: Batch) -> PostFeatures:
        """The batch's features, those of trained encoders with gradients."""
        posts = batch.posts
        for modality, encoder in self.encoders.items():
            assert self.content is not None
            raw = self.content.of(modality, batch.keys.row.tolist())
            frozen, present = getattr(posts, modality), getattr(posts, f"has_{modality}")
            features = encode_present(encoder, raw, frozen, present)  # type: ignore[arg-type]
            posts = replace(posts, **{modality: features})
        return posts

    def _drop_modalities(self, has_image: Tensor, has_text: Tensor) -> tuple[Tensor, Tensor]:
        if not self.training or not self.config.modality_dropout:
            return has_image, has_text
        both = has_image & has_text
        drawn = torch.rand(len(both), device=both.device)
        drop = both & (drawn < self.config.modality_dropout)
        drop_image = drop & (drawn < self.config.modality_dropout / 2)
        return has_image & ~drop_image, has_text & ~(drop & ~drop_image)

    def _direction(
        self,
        pair: Pair,
        loss: PairLoss,
        sides: tuple[Modality, Modality],
        local: dict[Modality, Points],
        everyone: dict[Modality, Points],
    ) -> Tensor:
        queries, candidates = local[sides[0]], everyone[sides[1]]
        posts = everyone[sides[0] if sides[1] is Modality.USER else sides[1]]
        positives, ignored = matches(pair, sides[0], queries, candidates, posts)
        usable = queries.present & positives.any(dim=1)
        scores = queries.vectors @ candidates.vectors.T
        count = total(usable.sum()).clamp(min=1)
        if not bool(usable.any()):  # keep the graph: the other workers' backward meets this one's
            return scores.sum() * 0
        rows = loss(scores[usable], positives[usable], ignored[usable])
        return rows.sum() / count * world_size()
