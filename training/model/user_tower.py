"""A person is content plus id."""

from copy import copy
from typing import Annotated, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from training.config import Config
from training.modalities import History
from training.model.user_table import UserTableConfig, build_table

Module = TypeVar("Module", bound=nn.Module)


class UserTowerConfig(Config):
    """What a person's embedding is made of; at least one of the two."""

    identity: bool = True
    """A learned vector per known person."""
    content: bool = True
    """The person's history; needed for people never seen in training."""
    id_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.15
    """Share of people per step who are treated as unknown, so that content alone must do."""
    table: UserTableConfig = UserTableConfig()
    """Where the learned vectors are kept."""


class UserTower(nn.Module):
    """Gate between a learned id and the content of a history, in one block.

    Each part is scaled by a positive gate that sees how many posts there are and whether the id is
    known, so that an unknown person, or one with a single post, is placed by what there is. The
    content comes from the projections of posts themselves: people stand where their posts would.

    Args:
        users: how many people have a learned vector.
        dimension: width of the block.
        parts: how many content modalities the block has.
        table: where the learned vectors are.
    """

    def __init__(
        self, users: int, dimension: int, parts: int, table: UserTableConfig = UserTableConfig()
    ) -> None:
        super().__init__()
        self.identities = build_table(table, users, dimension)
        last = nn.Linear(16, 1 + parts)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.gate = nn.Sequential(nn.Linear(4, 16), nn.GELU(), last)

    def knowing(self, vectors: Tensor) -> "UserTower":
        """The same gate over the learned vectors (n, dimension) of other people."""
        # a row at least: people without a learned vector are looked up, too, and masked
        rows = vectors if len(vectors) else vectors.new_zeros(1, vectors.shape[1])
        return with_modules(self, identities=nn.Embedding.from_pretrained(rows))

    def forward(
        self, users: Tensor, known: Tensor, contents: list[Tensor], facts: Tensor
    ) -> Tensor:
        """(B, dimension), not yet of unit length.

        Args:
            users: (B,) long rows of the learned vectors; any row where not `known`.
            known: (B,) bool.
            contents: (B, dimension) each, unit rows, or zero where a person has none.
            facts: (B, 4) see `facts_of`.
        """
        gates = self.gate(facts).exp()
        vectors = gates[:, :1] * self.identities(users) * known[:, None]
        for number, content in enumerate(contents, start=1):
            vectors = vectors + gates[:, number, None] * content
        return vectors


def pool(features: Tensor, present: Tensor, history: History) -> tuple[Tensor, Tensor]:
    """Weighted mean of the features of each person: (B, K), and the summed weight (B,)."""
    weight = history.weight * present
    weighted = features * weight[:, None]  # in float32 even if the features are not
    sums = weighted.new_zeros(history.people, features.shape[1])
    sums.index_add_(0, history.owner, weighted)
    mass = weight.new_zeros(history.people).index_add_(0, history.owner, weight)
    return sums / mass.clamp(min=1e-6)[:, None], mass


def with_modules(module: Module, **others: nn.Module) -> Module:
    """A module that shares everything with this one but its children of these names."""
    twin = copy(module)
    twin._modules = module._modules | others
    return twin


def facts_of(images: Tensor, texts: Tensor, known: Tensor) -> Tensor:
    """(B, 4): log(1 + images), log(1 + texts), whether there is any, whether the id is known."""
    there = (images + texts) > 0
    return torch.stack([images.log1p(), texts.log1p(), there.float(), known.float()], dim=1)
