"""Pair losses: one a file, filed in a registry by name (see CONTRIBUTING, "A loss")."""

from training.losses.base import PairLoss, PairLossConfig, build_loss, losses

__all__ = ["PairLoss", "PairLossConfig", "build_loss", "losses"]
