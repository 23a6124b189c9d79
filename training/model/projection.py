"""From a whitened feature to one block of the space."""

from torch import Tensor, nn


class Projection(nn.Module):
    """A linear map and, beside it, two layers that bend it.

    Args:
        features: width of the input.
        hidden: width between the two layers.
        dimension: width of the block.
        dropout: share of hidden units dropped in training.
    """

    def __init__(self, features: int, hidden: int, dimension: int, dropout: float) -> None:
        super().__init__()
        self.straight = nn.Linear(features, dimension, bias=False)
        self.bent = nn.Sequential(
            nn.Linear(features, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dimension),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, features) to (N, dimension), not yet of unit length."""
        return self.straight(features) + self.bent(features)
