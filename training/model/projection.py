"""From an encoder's feature to the space."""

from torch import Tensor, nn


class Projection(nn.Module):
    """Two layers from a frozen feature to the space, not yet on the sphere.

    Args:
        features: width of the encoder's output.
        hidden: width between the layers.
        dimension: D of the space.
        dropout: share of hidden units dropped in training.
    """

    def __init__(self, features: int, hidden: int, dimension: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(features),
            nn.Dropout(dropout),
            nn.Linear(features, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dimension),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, features) to (N, D)."""
        return self.layers(features)
