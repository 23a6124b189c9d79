"""How a search goes about it."""

from typing import Annotated

from pydantic import Field

from training.config import Config


class SearchConfig(Config):
    """How many trials, how soon bad ones end, and what each may use."""

    trials: Annotated[int, Field(ge=1)] = 16
    """Draws from the space, beside a first trial with the configuration as it is."""
    grace: Annotated[int, Field(ge=1)] = 3
    """Epochs that each trial gets."""
    reduction: Annotated[float, Field(gt=1)] = 3
    """After `grace`, `grace * reduction`, … epochs, the best of every so many trials go on."""
    parallel: Annotated[int, Field(ge=0)] = 0
    """Trials at a time; 0 for as many as the cluster has room for."""
    cpus_per_trial: Annotated[float, Field(gt=0)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0)] = 0
    """A fraction lets several trials share one GPU."""
    max_failures: Annotated[int, Field(ge=0)] = 2
    """Deaths of its process that a trial survives; it goes on from its checkpoint."""
    seed: int = 0
    """Of the draws."""
