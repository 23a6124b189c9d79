"""One step's loss: towers, pairs, negatives of all workers."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
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
from training.losses.pairs import Points, matches, same_author
from training.modalities import Modality, PostFeatures
from training.model.joint_space import JointSpace
from training.model.layout import Pair, Term, terms_of
from training.tuning import Content, encode_present


class ImageTextLossConfig(PairLossConfig):
    """How image and text are pulled together, which alone have negatives by the same author."""

    author_margin: Annotated[float, Field(ge=0, le=2)] = 0.09
    """By how much negatives of the same author count as nearer than they are, in cosine units, in
    the pair's own block. Whose a post is, the other blocks know; this pair is to tell apart what
    one person posts."""


class LossesConfig(Config):
    """A loss and a weight per modality pair."""

    user_image: PairLossConfig = PairLossConfig()
    user_text: PairLossConfig = PairLossConfig()
    image_text: ImageTextLossConfig = ImageTextLossConfig()
    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a batch's posts that lose one of their two modalities for the step."""

    def of(self, pair: Pair) -> PairLossConfig:
        """The part of one pair."""
        return getattr(self, pair.value)


class Objective(nn.Module):
    """The joint loss over all terms; the module that data-parallel training wraps.

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
        self.terms = terms_of(
            space.config.layout, space.config.pairs, meaning=space.meaning is not None
        )
        self.losses = nn.ModuleDict(
            {term.name: build_loss(config.of(term.pair)) for term in self.terms}
        )

    @property
    def reaches_all(self) -> bool:
        """Whether each step, whatever the worker's share, gives every parameter a gradient.

        Not so where a pair isn't trained, whose projections nothing may pull on, nor with an
        encoder, which does not run on a share without its modality.
        """
        return not self.encoders and set(self.space.config.pairs) == set(Pair)

    def inputs(self, features: PostFeatures) -> PostFeatures:
        """What batches must hold: whitened features, unless an encoder is still to run on them."""
        return features if self.encoders else self.space.whiten(features)

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of this worker's share of the global batch.

        Scaled such that the mean over workers, which data-parallel training takes of gradients, is
        the loss of the global batch on one worker.

        Args:
            batch: with features as `inputs` gives them.
        Returns: scalar loss, and each term's part of the global loss, detached.
        """
        local = self._points(batch)

        @cache  # a pair's matches are the same in every block, and every block's points serve often
        def everyone(modality: Modality, block: str) -> Points:
            most = batch.most_people if modality is Modality.USER else batch.most_posts
            return local[modality, block].gathered(most)

        @cache
        def found(pair: Pair, query: Modality, candidate: Modality) -> tuple[Tensor, Tensor]:
            posts = query if candidate is Modality.USER else candidate
            block = self.space.blocks[0].name
            sides = local[query, block], everyone(candidate, block), everyone(posts, block)
            return matches(pair, query, *sides)

        loss = next(iter(local.values())).vectors.new_zeros(())
        parts: dict[str, Tensor] = {}
        for term in self.terms:
            value = loss.new_zeros(())
            for query, candidate in (term.pair.sides, term.pair.sides[::-1]):
                queries, candidates = local[query, term.block], everyone(candidate, term.block)
                if term.fixed is query:
                    queries = queries.fixed()
                if term.fixed is candidate:
                    candidates = candidates.fixed()
                positives, ignored = found(term.pair, query, candidate)
                value = value + self._rows(term, queries, candidates, positives, ignored) / 2
            parts[term.name] = total(value) / world_size()
            loss = loss + self.config.of(term.pair).weight * value
        return loss, parts

    def _points(self, batch: Batch) -> dict[tuple[Modality, str], Points]:
        space = self.space
        # every projection runs on every worker, whatever it holds: their gradients must meet
        posts, history = batch.posts, batch.history
        if self.encoders:
            posts = space.whiten(self._tuned(batch))
            history = replace(history, posts=space.whiten(history.posts))
        has_image, has_text = self._drop_modalities(posts.has_image, posts.has_text)
        users, has_user = space.user_blocks(history, batch.people)
        person = PostKeys(batch.people, batch.people, batch.people, batch.people)
        sides = {
            Modality.IMAGE: (space.image_blocks(posts.image), has_image, batch.keys),
            Modality.TEXT: (space.text_blocks(posts.text), has_text, batch.keys),
            Modality.USER: (users, has_user, person),
        }
        return {
            (modality, name): Points(vectors, present, keys)
            for modality, (blocks, present, keys) in sides.items()
            for name, vectors in blocks.items()
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

    def _rows(
        self, term: Term, queries: Points, candidates: Points, positives: Tensor, ignored: Tensor
    ) -> Tensor:
        """Mean loss over the queries of all workers that have a match; see `forward` for scale."""
        usable = queries.present & positives.any(dim=1)
        scores = queries.vectors @ candidates.vectors.T
        if term.block == Pair.IMAGE_TEXT:
            hard = same_author(queries, candidates) & ~positives
            scores = scores + self.config.image_text.author_margin * hard
        count = total(usable.sum()).clamp(min=1)
        loss: PairLoss = self.losses[term.name]  # type: ignore[assignment]
        if not bool(usable.any()):  # keep the graph: the other workers' backward meets this one's
            return (scores.sum() + sum(each.sum() for each in loss.parameters())) * 0
        rows = loss(scores[usable], positives[usable], ignored[usable])
        return rows.sum() / count * world_size()
