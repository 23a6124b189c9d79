"""What every pair loss takes and gives, and the registry that finds one by name."""

import importlib
import pkgutil
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from training.config import Config
from training.registry import Registry


class PairLossConfig(Config):
    """How one modality pair is pulled together."""

    name: str = "each_positive"
    """A registered loss."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Share of the pair in the total; 0 leaves the pair out."""
    margin: Annotated[float, Field(gt=0, le=2)] = 0.2
    """For hinges, in cosine units."""
    temperature: Annotated[float, Field(gt=0, le=1)] = 0.05
    """For softmax and sigmoid losses: the first value if learned, else the only one."""
    learn_temperature: bool = True
    """Learn the temperature (kept at 0.01 or more, as in CLIP)."""


class PairLoss(nn.Module):
    """A loss of queries against candidates, decomposed by query.

    Because a query's loss reads only its own row, each worker computes the rows of its own queries
    against the candidates of all workers, and the rows' sum is the loss of the global batch.
    """

    def __init__(self, config: PairLossConfig) -> None:
        super().__init__()
        self.config = config
        self.register_load_state_dict_pre_hook(_scalars_as_vectors)

    def forward(self, scores: Tensor, positives: Tensor, ignored: Tensor) -> Tensor:
        """Loss of each query.

        Args:
            scores: (Q, C) cosine similarities in [-1, 1].
            positives: (Q, C) bool; True where the candidate is a match. At least one a row.
            ignored: (Q, C) bool; True where the candidate is neither a match nor a fair negative
                (the same text, picture or author). Never True where `positives` is.
        Returns: (Q,) float32, each >= 0.
        Raises: ValueError if a row has no positive.
        """
        if not bool(positives.any(dim=1).all()):
            raise ValueError("each query needs a positive candidate; drop the rows that have none")
        return self.rows(scores.float(), positives, ignored)

    def rows(self, scores: Tensor, positives: Tensor, ignored: Tensor) -> Tensor:
        """The loss itself, on checked input; see `forward` for shapes."""
        raise TypeError(f"{type(self).__name__} must define rows()")


class Temperature(nn.Module):
    """A scale 1/temperature, learned in log space, capped at 100 (CLIP, arXiv 2103.00020, 2.5)."""

    def __init__(self, config: PairLossConfig) -> None:
        super().__init__()
        start = torch.tensor([1 / config.temperature]).log()  # a scalar could not be sharded
        self.log_scale = nn.Parameter(start, requires_grad=config.learn_temperature)

    def forward(self, scores: Tensor) -> Tensor:
        """Scores (Q, C) divided by the temperature."""
        return scores * self.log_scale.clamp(max=4.6052).exp()


def _scalars_as_vectors(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object):
    """Checkpoints of earlier releases hold scalars where parameters have one element now."""
    for name, parameter in module.named_parameters(prefix.removesuffix(".")):
        if name in state and state[name].ndim == 0:
            state[name] = state[name].reshape(parameter.shape)


losses: Registry[type[PairLoss]] = Registry("loss")


def build_loss(config: PairLossConfig) -> PairLoss:
    """The loss that a configuration names. Raises: BadConfig naming the known losses."""
    package = importlib.import_module("training.losses")
    for module in pkgutil.iter_modules(package.__path__, "training.losses."):
        importlib.import_module(module.name)
    return losses[config.name](config)
