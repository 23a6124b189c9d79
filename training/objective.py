"""One step's loss: towers, pairs, negatives of all workers."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from training.batches import Batch
from training.config import Config
from training.distributed import total, world_size
from training.encoders import Encoder
from training.examples import PostKeys
from training.losses.base import PairLoss, PairLossConfig, build_loss
from training.losses.chunked import Groups, chunked_sums
from training.losses.pairs import Points, same_author
from training.meeting import Encoded, Meeting
from training.modalities import Modality, PostFeatures
from training.model.joint_space import JointSpace
from training.model.layout import Pair, Term, terms_of
from training.model.sharded_table import sharded_tables
from training.tuning import Content, encode_inputs, read_contents


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
    chunk: Annotated[int, Field(ge=0)] = 1024
    """Rows of a worker that are compared with the gathered batch at once, so that memory grows with
    the batch and not with its square; 0 for all rows. The result is the same."""

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
        # DistributedDataParallel looks for this name: rows that differ between workers stay so
        self._ddp_params_and_buffers_to_ignore = [f"{name}.weight" for name in sharded_tables(self)]

    @property
    def reaches_all(self) -> bool:
        """Whether each step, whatever the worker's share, gives every parameter a gradient.

        Not so where a pair isn't trained, whose projections nothing may pull on, nor with an
        encoder, which may have parts that it doesn't use. Which ones is the same for all workers.
        """
        return not self.encoders and set(self.space.config.pairs) == set(Pair)

    def inputs(self, features: PostFeatures) -> PostFeatures:
        """What batches must hold: whitened features, unless an encoder is still to run on them."""
        return features if self.encoders else self.space.whiten(features)

    def read(self, batch: Batch, pool: Executor | None = None) -> Batch:
        """The batch with what trained encoders read of its posts, still on the CPU.

        Apart from `forward`, so that it can be done ahead; which does it if nobody has.
        """
        contents = {
            modality: read_contents(encoder, self.content, batch, pool)  # type: ignore[arg-type]
            for modality, encoder in self.encoders.items()
        }
        return replace(batch, contents=contents)

    def forward(self, batch: Batch, task: "Task | None" = None) -> Any:
        """Loss of this worker's share of the global batch.

        Scaled such that the mean over workers, which data-parallel training takes of gradients, is
        the loss of the global batch on one worker.

        Args:
            batch: with features as `inputs` gives them.
            task: done instead, for a step that takes several passes: only what goes through here
                is seen by what wraps this module for data parallelism.
        Returns: scalar loss, and each term's part of the global loss, detached; what the task gives
            if there is one.
        """
        if task is not None:
            return task(self, batch)
        return self.compare(self.encode(batch), batch)

    def compare(self, local: Encoded, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of points that are encoded already; the rest as in `forward`."""
        meeting = Meeting(local, batch, self.terms)
        asked, sums, counts = [], [], []
        for pair in dict.fromkeys(term.pair for term in self.terms):
            terms = [term for term in self.terms if term.pair is pair]
            for query, candidate in (pair.sides, pair.sides[::-1]):
                values, count = self._sums(meeting, terms, query, candidate)
                asked += terms
                sums.append(values)
                counts.append(count.expand(len(terms)))
        # in float32 on every worker, whatever autocast made of a share in which nobody has a match
        ours, count = torch.cat(sums).float(), torch.cat(counts).float()
        # of all workers, in one go; a term is the mean of its two directions
        all_sums, all_counts = total(torch.stack([ours, count]))
        shares = 0.5 / all_counts.clamp(min=1)
        weights = ours.new_tensor([self.config.of(term.pair).weight for term in asked])
        loss = (weights * shares * ours).sum() * world_size()
        means = all_sums * shares
        parts = {term.name: means.new_zeros(()) for term in self.terms}
        for term, mean in zip(asked, means, strict=True):
            parts[term.name] = parts[term.name] + mean
        return loss, parts

    def encode(self, batch: Batch) -> Encoded:
        """The batch's posts and people in every block, of this worker alone."""
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
        contents = (batch if batch.contents else self.read(batch)).contents
        posts = batch.posts
        for modality, encoder in self.encoders.items():
            frozen, present = getattr(posts, modality), getattr(posts, f"has_{modality}")
            features = encode_inputs(encoder, contents[modality], frozen, present)  # type: ignore[arg-type]
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

    def _sums(
        self, meeting: Meeting, terms: Sequence[Term], query: Modality, candidate: Modality
    ) -> tuple[Tensor, Tensor]:
        """Summed loss of this worker's queries by term (T,), and how many have a match.

        Args:
            meeting: of the batch.
            terms: of one pair: a chunk's matches are found once for all of them.
            query: the side that asks.
            candidate: the side that answers.
        """
        sides = [meeting.sides(term, query, candidate) for term in terms]
        inputs = [
            (queries.vectors, candidates.vectors, *self.losses[term.name].parameters())
            for term, (queries, candidates) in zip(terms, sides, strict=True)
        ]
        counts: list[Tensor] = []

        def sums(rows: slice, groups: Groups) -> list[Tensor]:
            positives, ignored = meeting.matches(terms[0].pair, query, candidate, rows)
            usable = sides[0][0].present[rows] & positives.any(dim=1)
            matched = usable.nonzero().squeeze(1)
            counts.append(usable.sum())
            if len(matched) < len(usable):
                positives, ignored = positives[matched], ignored[matched]
            found = []
            for term, (queries, candidates), (asking, asked, *_) in zip(
                terms, sides, groups, strict=True
            ):
                queries = replace(queries, vectors=asking)[rows]
                if len(matched) < len(usable):
                    queries = queries[matched]
                candidates = replace(candidates, vectors=asked)
                found.append(self._sum(term, queries, candidates, positives, ignored))
            return found

        rows = len(sides[0][0].vectors)
        if 0 < self.config.chunk < meeting.most(query):
            values = chunked_sums(sums, rows, self.config.chunk, inputs)
        else:
            values = torch.stack(sums(slice(rows), inputs))
        return values, torch.stack(counts).sum()

    def _sum(
        self, term: Term, queries: Points, candidates: Points, positives: Tensor, ignored: Tensor
    ) -> Tensor:
        """Summed loss of queries that are there and have a match, if there is any."""
        scores = queries.vectors @ candidates.vectors.T
        if term.block == Pair.IMAGE_TEXT:
            hard = same_author(queries, candidates) & ~positives
            scores = scores + self.config.image_text.author_margin * hard
        loss: PairLoss = self.losses[term.name]  # type: ignore[assignment]
        if not len(scores):  # keep the graph: the other workers' backward meets this one's
            return (scores.sum() + sum(each.sum() for each in loss.parameters())) * 0
        return loss.rows(scores.float(), positives, ignored).sum()


Task = Callable[[Objective, Batch], Any]
"""Work on a batch, or on a part of one."""
