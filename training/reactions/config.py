"""What reactions mean, how they fade, and how the space of reactions is learned.

The defaults are the start of a small search on validation (`selection`) over what differs most from
network to network: regularisation, recency, weight of content, cold posts, fine-tuning.
"""

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from training.config import Config
from training.histories import HistoryConfig


class RecencyConfig(Config):
    """How a reaction counts less the more the same person reacted after it.

    A factor of (1 - share) + share * exp(-later / reach), with `later` reactions after it.
    """

    share: float = Field(ge=0, le=1)
    """Part of the weight that fades; the rest stays for ever."""
    reach: PositiveFloat
    """After so many further reactions the fading part is at 1/e."""


class ReactionConfig(Config):
    """The model of reactions."""

    history: HistoryConfig = HistoryConfig()
    """Which reactions speak for a post, and how much. The weight of own posts isn't used."""
    negatives: dict[str, NonNegativeFloat] = Field(
        default={"dislike": 0.5, "hide": 0.5, "report": 1.0, "rate": 0.2}
    )
    """How much a reaction speaks against a post, by kind."""
    disapproving: dict[str, float] = Field(default={"rate": 2.5})
    """Greatest value that is disapproval, by kind; other kinds of `negatives` need no value."""

    half_life_days: PositiveFloat | None = 90
    """A reaction so much older than the person's newest one counts half. None: only the order
    counts (`recency`), not the calendar."""
    recency: RecencyConfig = RecencyConfig(share=0.7, reach=10)
    """In what the person is known by other people's reactions."""
    content_recency: RecencyConfig = RecencyConfig(share=0.9, reach=3)
    """In what the person is known by the posts' content."""

    proximity: float = Field(default=0.6, ge=0, le=1)
    """Share of likes that lie close in time in what counts as liked together; 0: all alike."""
    proximity_reach: PositiveFloat = 10
    """Likes so many places apart count 1/e."""
    dimension: int = Field(default=382, ge=1)
    """Of the block that is learned from reactions, at most."""
    content_dimension: int = Field(default=128, ge=1)
    """Of the block that comes from content, for each of image and text, at most."""
    regularisation: PositiveFloat = 250
    """Of the closed-form start; eigenvalues well below it are noise."""
    content_weight: NonNegativeFloat = 0.08
    """Of likeness in content, beside scores of the closed form."""
    cold_lift: NonNegativeFloat = 0.0
    """Added to scores of posts that nobody likes yet, as a share of the mean length of the others'
    vectors in the reactions' block: else hardly one of them is ever shown."""
    ridge: PositiveFloat = 0.1
    """Of the map from content to the reactions' block, as a share of the mean variance."""

    epochs: int = Field(default=3, ge=0)
    """Of fine-tuning: from a person's past to what they liked next. 0: the closed form only."""
    learning_rate: PositiveFloat = 1e-4
    batch_size: PositiveInt = 64
    """People a step, at least; larger where there are many, so that an epoch has 200 steps."""
    future_reach: PositiveFloat = 20
    """A like so many places after the cut counts 1/e."""
    full_softmax_posts: PositiveInt = 20_000
    """With more posts than that only those of the batch are candidates, with logQ correction."""

    search: bool = True
    """Choose settings on a validation part, see `selection`; else take them as they are."""
    cold_price: float = Field(default=0.03, ge=0, lt=1)
    """Share of nDCG@10 on validation that the search may give up to show posts that nobody likes
    yet. A decision about the product, not a fact of the data: 0 shows what is safest."""
    calibrate: bool = True
    """Fit the probabilities of the kinds, on a validation part."""
    validation_share: float = Field(default=0.2, gt=0, lt=0.5)
    """The latest reactions of each person, for both. How much recency helps depends on how far
    ahead one looks: with less, what was liked last is trusted too much."""
