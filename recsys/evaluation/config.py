"""What an evaluation is made of."""

from typing import Literal

from pydantic import Field

from training.config import Config

SplitName = Literal["temporal", "last_of_each", "own_posts"]


class EvaluationConfig(Config):
    """Which ways to hold out, how deep the lists are, and who is cold."""

    splits: tuple[SplitName, ...] = ()
    """Names of the splits; empty: `temporal` and `last_of_each` where there are reactions, and
    `own_posts` where there are none."""
    seed: int = Field(default=0, ge=0)
    """Of models, draws and resamples."""
    cutoff: int = Field(default=10, ge=1, le=1000)
    """Posts at the top of a list, of which diversity, novelty, exposure and calibration are."""
    depth: int = Field(default=100, ge=1, le=1000)
    """Posts in a list, of which accuracy is."""
    depth_own: int = Field(default=200, ge=1, le=1000)
    """The same where own posts are hidden: deep enough that what lies below adds next to nothing
    to MAP, and that no source has to be emptied for it."""
    people: int | None = Field(default=None, ge=10)
    """How many people are asked for, drawn from those with something held out; all if None."""
    cold_person: int = Field(default=5, ge=0)
    """A person with no more reactions in training than this is cold."""
