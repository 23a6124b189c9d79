"""Where people's learned vectors are kept: a row each, a few shared rows, or rows over workers."""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from training.config import Config
from training.model.hashed_table import HashedTable
from training.model.sharded_table import ShardedTable

START = 0.05
"""Standard deviation of a learned vector's coordinates before training."""


class UserTableConfig(Config):
    """How many people there can be, and who holds their vectors."""

    kind: Literal["full", "hashed", "sharded"] = "full"
    """`full`: a row a person, whole on every worker, all of them updated at each step. `hashed`:
    each person's vector is made of a few shared rows; memory is the same for any number of people.
    `sharded`: a row a person, each on one worker, and only those of a step's people are updated."""
    buckets: Annotated[int, Field(ge=1)] = 32_768
    """For `hashed`: rows of each table."""
    tables: Annotated[int, Field(ge=1, le=8)] = 2
    """For `hashed`: how many rows a person's vector is made of, one from each table."""


def build_table(config: UserTableConfig, users: int, dimension: int) -> nn.Module:
    """A module from rows of people (B,) long to vectors (B, dimension), for `users` people."""
    if config.kind == "hashed":
        return HashedTable(dimension, config.buckets, config.tables, START)
    if config.kind == "sharded":
        return ShardedTable(users, dimension, START)
    table = nn.Embedding(users, dimension)
    nn.init.normal_(table.weight, std=START)
    return table
