"""What a pipeline refuses, and which service it waits for."""

from typing import Annotated, Literal

from pydantic import Field

from training.config import Config


class PipelineConfig(Config):
    """Checks beside the gate's own; see `tracking.gate` for what "better" means."""

    least_posts: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Posts there must be, as a share of those that the champion was trained on: an export that was
    cut short trains a model, too."""
    more_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.02
    """By how much the share of bad rows may have risen since the champion."""
    refuse_drift: Literal["large", "moderate", "never"] = "large"
    """From which drift on a person must look first, and go on with `--accept`."""
    most_lost: Annotated[float, Field(ge=0, le=1)] = 0.05
    """What a candidate may lose in any one direction, in units of its headline metric. One that is
    better on the whole is refused if it is surely worse somewhere: by more than this on the
    validation posts, and with a 95 % interval below zero."""
    service: str | None = None
    """URL of a running service; the last step then waits until that answers with the new model."""
    service_patience_s: Annotated[float, Field(gt=0)] = 900.0
    """How long it waits."""
