"""How the contenders are trained: one recipe for all, and changes to it for one of them."""

from collections.abc import Mapping
from typing import Any, Self

from training.config import Config
from training.loop import LoopConfig
from training.model import ModelConfig
from training.objective import LossesConfig


class Recipe(Config):
    """Shape, losses and schedule: what is equal between contenders unless a trial says so."""

    model: ModelConfig = ModelConfig()
    losses: LossesConfig = LossesConfig()
    loop: LoopConfig = LoopConfig()

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """The recipe with some fields by dotted name, such as `model.dimension`, set anew.

        Raises: BadConfig naming the field.
        """
        tree = self.model_dump(mode="json")
        for name, value in changes.items():
            *parents, leaf = name.split(".")
            branch = tree
            for parent in parents:
                branch = branch.setdefault(parent, {})
            branch[leaf] = value
        return self.parse(tree)

    def seeded(self, seed: int) -> Self:
        """The recipe with the seed of every draw: first weights, batches, dropout."""
        return self.changed({"loop.seed": seed})
