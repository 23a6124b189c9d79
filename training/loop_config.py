"""How long and how fast the towers learn."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from training.config import Config
from training.sampling import EvaluationConfig
from training.shuffle import Shuffle


class LoopConfig(Config):
    """How long and how fast the towers learn."""

    epochs: Annotated[int, Field(ge=1)] = 15
    batch_size: Annotated[int, Field(ge=2)] = 512
    """Posts of a step's global batch, all workers together."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches whose gradients are added before a step; negatives stay within a batch."""
    cache_rows: Annotated[int, Field(ge=0)] = 0
    """Posts, and people, that a worker encodes at once of a batch whose activations don't fit, in
    two passes; negatives are still the whole batch. 0 encodes all at once, in one pass."""
    people: Annotated[int, Field(ge=0)] = 512
    """People a batch holds at least, authors included; the others serve as negatives."""
    short_histories: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of people per step whose history is cut to one to four posts."""
    longest_history: Annotated[int, Field(ge=1)] | None = None
    """Posts of a history that a step reads at most, drawn anew each time; left out: all. Bounds the
    work of a step where some people post by the thousand."""
    shuffle: Shuffle = "full"
    """`full`, or `blocks` for tables many times larger than memory; see `training.shuffle`."""
    checkpoint_steps: Annotated[int, Field(ge=1)] | None = None
    """Steps between two checkpoints within an epoch; left out: checkpoints between epochs alone."""
    learning_rate: Annotated[float, Field(gt=0)] = 4e-3
    encoder_learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    """For encoders that are trained too."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of all steps in which the learning rate rises; then it falls along a cosine."""
    clip: Annotated[float, Field(gt=0)] = 5.0
    """Largest norm of a step's gradient."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.98
    """Decay per step of the moving average of the weights, which is what is kept; 0 for none."""
    patience: Annotated[int, Field(ge=1)] = 8
    """Epochs without a better validation score before training stops."""
    validation: EvaluationConfig = EvaluationConfig(people=10_000, posts=10_000)
    """Of how many people and posts an epoch is judged."""
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _moved(cls, values: Any) -> Any:
        """`bf16` was here; files of earlier releases that leave it off are still read."""
        if isinstance(values, Mapping) and "bf16" in values:
            if values["bf16"]:
                raise ValueError("bf16 has moved: say acceleration.precision=bf16")
            return {name: value for name, value in values.items() if name != "bf16"}
        return values
