"""What a made-up network is like."""

from pydantic import Field, model_validator

from training.config import Config


class SyntheticConfig(Config):
    """How large it is, and how clear its interests are.

    Equal settings and an equal seed give equal rows, whatever the number of files.
    """

    posts: int = Field(default=100_000, ge=1)
    people: int = Field(default=10_000, ge=1)
    """Each writes one post at least, the most active by far the most."""
    interests: int = Field(default=50, ge=1, le=1000)
    images: float = Field(default=0.0, ge=0, le=1)
    """Share of posts with a small picture; one in four of these has no text."""
    reactions: float = Field(default=1.0, ge=0, le=100)
    """A post, on average."""
    flaws: float = Field(default=0.0, ge=0, lt=0.05)
    """Share of posts that no reader should take: empty, with a bad id, or out of the future."""
    fidelity: float = Field(default=0.85, ge=0, le=1)
    """Share of posts and reactions that follow a person's interests; the others follow chance."""
    topical: float = Field(default=0.6, ge=0, le=1)
    """Share of a text's words that belong to its interest; the others anybody uses."""
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _a_post_each(self) -> "SyntheticConfig":
        if self.people > self.posts:
            raise ValueError(f"{self.people} people need as many posts, not {self.posts}")
        return self
