"""Vectors of any number of people from a few shared rows."""

import torch
from torch import Tensor, nn
from torch.nn import functional

PRIME = 2**31 - 1
"""People are numbered below this; hashes are taken modulo it."""
IMPORTANCES = 16
"""Rows of importances to one bucket: so narrow that they may be many."""


class HashedTable(nn.Module):
    """A person's vector is a weighted sum of one row from each table, chosen by independent hashes.

    Two people share a vector only if all hashes agree: with k tables of B rows, one pair in
    16 * B ** (k + 1). The weights are learned too, in a longer table of k numbers a row, so that
    people whose rows nobody else needs much can make them their own.

    Memory is that of k * B rows, whatever the number of people. What a row has learned belongs to
    all who hash to it: nobody's vector can be taken out of it.

    Source: hash embeddings, arXiv 1709.03933, section 3, with a table for each hash.

    Args:
        dimension: of the vectors.
        buckets: B, rows of each table.
        tables: k.
        start: standard deviation of a vector's coordinates before training.
    """

    factors: Tensor
    offsets: Tensor

    def __init__(self, dimension: int, buckets: int, tables: int, start: float) -> None:
        super().__init__()
        self.buckets = buckets
        self.components = nn.Parameter(torch.randn(tables, buckets, dimension) * start)
        self.importances = nn.Parameter(torch.full((IMPORTANCES * buckets, tables), tables**-0.5))
        # one hash a table, and one for the importances
        self.register_buffer("factors", torch.randint(1, PRIME, (tables + 1,)))
        self.register_buffer("offsets", torch.randint(0, PRIME, (tables + 1,)))

    def forward(self, users: Tensor) -> Tensor:
        """Rows of people (B,) long, in [0, 2 ** 31 - 1), to (B, dimension)."""
        tables, _, dimension = self.components.shape
        places = (users[:, None] * self.factors + self.offsets) % PRIME  # universal hashing
        rows = places[:, :tables] % self.buckets
        rows = rows + torch.arange(tables, device=rows.device) * self.buckets
        vectors = functional.embedding(rows, self.components.view(-1, dimension))
        weights = functional.embedding(places[:, tables] % len(self.importances), self.importances)
        return (weights[:, :, None] * vectors).sum(dim=1)
