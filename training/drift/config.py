"""From where on a difference between two snapshots is called drift."""

from typing import Annotated

from pydantic import Field

from training.config import Config

Share = Annotated[float, Field(gt=0, le=1)]


class DriftConfig(Config):
    """Thresholds of effect sizes. What exceeds one must also exceed what chance alone gives.

    They are effect sizes and no p-values: with a million posts every difference is significant.
    """

    divergence: Share = 0.1
    """Jensen-Shannon distance of shares (languages, tags, kinds, ...), 0 for equal, 1 for
    disjoint."""
    steps: Share = 0.1
    """Kolmogorov-Smirnov distance of numbers (lengths, posts a person), 0 to 1."""
    centroid: Share = 0.1
    """How far the mean of the posts has moved in the space, as a share of their spread."""
    frechet: Share = 0.05
    """Fréchet distance of the posts in the space beyond what chance gives, as a share of the
    reference's variance."""
    far: Share = 0.05
    """Share of new posts that lie further from every reference post than 99 % of those do from
    each other, beyond the 1 % that is expected."""
    hubness: Annotated[float, Field(gt=0)] = 1.0
    """Change of the skewness of how often posts are among the ten nearest of others."""
    moved: Share = 0.2
    """Share of people whose vector has turned by more than `turned`."""
    turned: Annotated[float, Field(gt=0, lt=2)] = 0.1
    """One minus the cosine between a person's vectors, from which they count as moved."""
    large: Annotated[float, Field(gt=1)] = 2.0
    """How many times its threshold a drift must be to be called large."""
    resamples: Annotated[int, Field(ge=20)] = 100
    """How often people are dealt out anew to see what chance gives."""
    most_rows: Annotated[int, Field(ge=100)] = 20_000
    """Posts of each side that are looked at where all would take too long, drawn evenly."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of all draws."""
