"""The order of an epoch's rows: any row next to any other, or blocks of neighbours.

`full` reads a table of features in random places. Where the table fits into memory, or lies on a
fast disk, that costs nothing. `blocks` keeps runs of neighbouring rows together: the runs come in
random order, and a few hundred of them are mixed at a time, so that a step reads from a window of
the table and the disk is read nearly in sequence. The price: rows far apart in the table rarely
meet in one batch. Where rows are sorted (by author, by date) their neighbours are alike, and a
batch of few blocks has easy negatives of the same few people and lacks others; so `blocks` is for
tables whose rows come in no such order, or that are many times larger than memory.
"""

from typing import Literal

import torch
from torch import Tensor

Shuffle = Literal["full", "blocks"]

BLOCK = 256
"""Neighbouring rows that stay together; a quarter of a megabyte of 256 coordinates."""
MIXED = 256
"""Blocks that are mixed with each other."""


def shuffled(rows: Tensor, generator: torch.Generator, how: Shuffle = "full") -> Tensor:
    """Rows (n,) in an order that the generator's state decides, each once.

    Args:
        rows: long, ascending.
        generator: is moved on.
        how: see above.
    """
    if how == "full":
        return rows[torch.randperm(len(rows), generator=generator)]
    blocks = rows.split(BLOCK)
    order = torch.randperm(len(blocks), generator=generator).tolist()
    parts = []
    for start in range(0, len(order), MIXED):
        mixed = torch.cat([blocks[number] for number in order[start : start + MIXED]])
        parts.append(mixed[torch.randperm(len(mixed), generator=generator)])
    return torch.cat(parts) if parts else rows
