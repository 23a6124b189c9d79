"""A part of the people with their posts, when there are too many to rank all against all.

Ranking every person against every post takes time and memory by the product of the two. Above a
number of people or posts a seeded part is judged in place of all: some people drawn at random with
all that stands for them, and the held-out posts of theirs. Among fewer candidates every model looks
better than among all; so figures of a part compare models with each other on the same part, and
whoever shows them says that it is one (`Protocol.ranking`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from training.config import Config
from training.examples import SPLITS, Examples, PostKeys

HELD_OUT = ("validation", "test")


class EvaluationConfig(Config):
    """Of how many people and posts a model is judged; with fewer, all are."""

    people: Annotated[int, Field(ge=1)] = 20_000
    """Drawn at random by the seed; each is a candidate of every ranking of people."""
    posts: Annotated[int, Field(ge=1)] = 20_000
    """Of each held-out split, at most, among the posts of those people."""
    seed: int = 0


@dataclass(frozen=True)
class Sample:
    """A part of some examples.

    Attributes:
        rows: (n,) long, ascending, rows of the posts in the whole.
        people: (p,) long, ascending, likewise of the people.
        examples: the part. Posts by other people that stand in a history of these are `unused`, and
            their author is -1.
    """

    rows: Tensor
    people: Tensor
    examples: Examples


def sample(
    examples: Examples, config: EvaluationConfig, splits: Sequence[str] = HELD_OUT
) -> Sample | None:
    """Draw a part for evaluation; None where all can be judged.

    Args:
        examples: the whole; only rows of the part are read of its features.
        config: how much.
        splits: held-out splits whose posts are wanted.
    """
    count = len(examples.users)
    sizes = [len(examples.rows(split)) for split in splits]
    if count <= config.people and max(sizes, default=0) <= config.posts:
        return None
    generator = torch.Generator().manual_seed(config.seed)
    people = torch.randperm(count, generator=generator)[: config.people].sort().values
    number = torch.full((count,), -1, dtype=torch.long)
    number[people] = torch.arange(len(people))
    flat, lengths = _history(examples, people)
    own = [_drawn(_of(examples, split, number), config.posts, generator) for split in splits]
    own.append(_of(examples, "train", number))
    chosen = torch.cat(own)
    rows = torch.cat([chosen, examples.history_rows[flat]]).unique()
    split = examples.split[rows]
    split[~torch.isin(rows, chosen)] = SPLITS.index("unused")
    start = torch.zeros(len(people) + 1, dtype=torch.long)
    start[1:] = lengths.cumsum(0)
    keys = examples.keys
    part = Examples(
        users=tuple(examples.users[person] for person in people.tolist()),
        features=examples.features[rows],
        keys=PostKeys(
            row=torch.arange(len(rows)),
            author=torch.where(keys.author[rows] < 0, -1, number[keys.author[rows]]),
            text=keys.text[rows],
            image=keys.image[rows],
        ),
        split=split,
        history_rows=torch.searchsorted(rows, examples.history_rows[flat]),
        history_start=start,
        history_weight=examples.history_weight[flat],
    )
    return Sample(rows, people, part)


def _of(examples: Examples, split: str, number: Tensor) -> Tensor:
    """(n,) rows of a split by people who have a number."""
    rows = examples.rows(split)
    return rows[number[examples.keys.author[rows]] >= 0]


def _drawn(rows: Tensor, most: int, generator: torch.Generator) -> Tensor:
    if len(rows) <= most:
        return rows
    return rows[torch.randperm(len(rows), generator=generator)[:most]]


def _history(examples: Examples, people: Tensor) -> tuple[Tensor, Tensor]:
    """Places in the flat histories of some people, and how many each has."""
    start = examples.history_start[people]
    lengths = examples.history_start[people + 1] - start
    before = lengths.cumsum(0) - lengths
    flat = torch.arange(int(lengths.sum())) + torch.repeat_interleave(start - before, lengths)
    return flat, lengths


def split_names(examples: Examples) -> np.ndarray:
    """(N,) text: the names of the posts' splits."""
    return np.array(SPLITS)[examples.split.numpy()].astype("<U10")
