"""Settings of the index, the event database and the recommender."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, PositiveFloat, SecretStr, field_validator, model_validator

from training.config import Config
from training.histories import HistoryConfig


class IndexConfig(Config):
    """Where the vectors are and how they are indexed."""

    uri: str = "milvus/vectors.db"
    """Folder of Milvus Lite, inside the workspace unless absolute; or `http(s)://host:port`."""
    token: SecretStr | None = None
    """Of a Milvus server: `user:password` or an API key."""
    prefix: str = Field(default="commonspace", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
    """Beginning of every collection's and alias's name."""
    kind: Literal["auto", "FLAT", "HNSW"] = "auto"
    """FLAT is exact. `auto`: FLAT on Lite (where HNSW is slower), HNSW on a server."""
    batch_size: int = Field(default=1000, ge=1, le=10_000)
    """Rows that are inserted at a time."""
    keep_versions: int = Field(default=2, ge=2)
    """Complete versions that are kept, the live one included. Two at least: a reader that began
    before a swap still finds its version."""
    keep_days: float | None = Field(default=None, gt=0)
    """Complete versions that are older are dropped, whatever `keep_versions` says; never the live
    one, nor the one that a build replaces. None: no version is too old."""
    rows_per_s: float | None = Field(default=None, gt=0)
    """Posts and people that a build indexes in a second at most, so that a Milvus in use has time
    for its readers; None: as many as it can."""
    workers: int | None = Field(default=None, ge=1)
    """Ray tasks that embed at once, one CPU each; None: as many as the cluster has CPUs."""
    here_below: int = Field(default=500, ge=0)
    """Fewer posts and people than this are embedded by the calling process: that takes less time
    than to hand the model to others."""
    timeout_s: float = Field(default=60, gt=0)
    """For one request to Milvus."""
    cache_mb: int = Field(default=256, ge=0)
    """Vectors that a process keeps in memory, in megabytes: 6 kB each at 1,536 dimensions."""

    @field_validator("uri")
    @classmethod
    def _no_credentials(cls, uri: str) -> str:
        if not uri.strip():
            raise ValueError("must be a folder or http(s)://host:port, not an empty text")
        if "://" in uri:
            parts = urlsplit(uri)
            if parts.scheme not in ("http", "https"):
                raise ValueError("must be a folder or http(s)://host:port")
            if parts.username or parts.password:
                raise ValueError("must not hold credentials; they go into `token`")
        elif not uri.endswith(".db"):
            raise ValueError("the folder's name must end in .db, or Milvus won't take it")
        return uri

    @property
    def remote(self) -> bool:
        """True if a server is meant, False for a folder of Milvus Lite."""
        return "://" in self.uri

    @property
    def resolved_kind(self) -> str:
        """FLAT or HNSW."""
        if self.kind != "auto":
            return self.kind
        return "HNSW" if self.remote else "FLAT"

    def location(self, workspace: Path) -> str:
        """The URI as it is, or the absolute path of the folder."""
        return self.uri if self.remote else str((workspace / self.uri).resolve())


class EventsConfig(Config):
    """Where posts, reactions and people are recorded."""

    url: str = "events.db"
    """SQLite file, inside the workspace unless absolute; or an SQLAlchemy URL, for example
    `postgresql+psycopg://user@host/name`."""
    password: SecretStr | None = None
    """Of a database server."""

    @field_validator("url")
    @classmethod
    def _no_credentials(cls, url: str) -> str:
        if "://" in url and urlsplit(url).password:
            raise ValueError("must not hold a password; it goes into `password`")
        return url


class InterestConfig(Config):
    """How a person's posts and reactions fall into interests."""

    most: int = Field(default=8, ge=1, le=64)
    """Interests that are asked for, the weightiest ones."""
    anchors: int = Field(default=100, ge=1)
    """Latest posts of a person's history among which interests are looked for."""
    likeness: float = Field(default=0.5, ge=0, le=1)
    """Mean cosine of two groups of posts, below which they are two interests."""


class CandidateConfig(Config):
    """Which sources propose posts, and how many."""

    sources: tuple[str, ...] = (
        "taste",
        "interests",
        "related",
        "reactions",
        "neighbours",
        "fresh",
        "popular",
    )
    """Names of the sources, by turns."""
    fallback: tuple[str, ...] = ("popular", "fresh")
    """Sources for a person about whom nothing is known, by turns."""
    count: int = Field(default=200, ge=1, le=4096)
    """Posts that a source proposes in the first round; four times as many in each further one."""
    general: int = Field(default=40, ge=1, le=4096)
    """Likewise for sources that propose the same to everyone, for a person who is known."""
    related_to: int = Field(default=10, ge=1, le=500)
    """How many of the person's latest posts and reactions `related` starts from."""
    neighbours: int = Field(default=20, ge=1, le=500)
    """How many similar people `neighbours` asks."""
    neighbour_posts: int = Field(default=10, ge=1, le=500)
    """How many of the latest likes of each of them it looks at, and half as many own posts."""
    spare: int = Field(default=2000, ge=1)
    """Allowed posts after which diversity alone is no reason to look further."""


class RankingConfig(Config):
    """What a score is made of.

    Without a model of reactions, the relevance of a post is a mean of three cosines: to the
    person, to the nearest of their interests, and to the nearest post of theirs. With one, it is
    the expected value of what the person will do with the post. What else speaks for it is a share
    of the relevance.
    """

    taste: float = Field(default=0.5, ge=0, le=1)
    """Weight of the cosine between person and post."""
    interest: float = Field(default=0.0, ge=0, le=1)
    """Weight of the cosine between the nearest interest and the post; the rest up to 1 is that of
    the nearest post.

    Half taste and half nearest post was best or nearly so in mean average precision for hidden
    posts of the Open Clip Art people (frozen features, two draws): with images and texts .49 for
    taste alone, .49 for the nearest post alone, .51 for half and half; with texts alone .43, .46
    and .48; with images alone .28, .31 and .33."""
    values: dict[str, float] = Field(default={"approves": 1.0})
    """What a reaction is worth, by kind; below 0 for one that nobody wants. `reacts` is any
    reaction, `approves` any that speaks for the post."""
    freshness: float = Field(default=0.05, ge=0, le=1)
    """Share of its relevance that a post gains while it is new."""
    half_life_days: PositiveFloat = 30.0
    """Age at which half of that gain is gone."""
    quality: float = Field(default=0.05, ge=0, le=1)
    """Share of its relevance that a post gains if all who react approve, and loses if none does."""
    neighbours: float = Field(default=0.1, ge=0, le=1)
    """Share of its relevance that a post gains if all people like this person liked it."""

    @model_validator(mode="after")
    def _a_mean(self) -> Self:
        if self.taste + self.interest > 1:
            raise ValueError("taste and interest must sum to 1 at most")
        if not self.values:
            raise ValueError("values must name one kind of reaction at least")
        return self


class DiversityConfig(Config):
    """Preferences about the list as a whole; they never leave a place empty, but for duplicates."""

    per_author: int = Field(default=3, ge=1)
    """Posts of one author, while others are there to fill the list."""
    near_duplicate: float = Field(default=0.98, gt=0, le=1)
    """Cosine from which two posts are the same to a person; only the better one is shown."""
    strength: float = Field(default=0.3, ge=0, lt=1)
    """Weight of variety against relevance: s of `diversity.diverse`. At 0.5, a post that is the
    same as one above it falls from the best of the pool to its end."""
    pool: int = Field(default=200, ge=1, le=4096)
    """Best posts among which variety is looked for."""


class ExplorationConfig(Config):
    """Places that go to new posts, so that there will be reactions to judge them by."""

    share: float = Field(default=0.05, ge=0, lt=1)
    """Of the places below the first, on average. What was drawn how likely is logged."""
    newer_than_days: PositiveFloat = 14.0
    """What a new post is …"""
    fewer_reactions: int = Field(default=5, ge=1)
    """… and one of which little is known yet."""
    pool: int = Field(default=50, ge=1)
    """The best new posts, among which all are equally likely."""
    every_minutes: PositiveFloat = 60.0
    """A person gets the same draw for so long."""
    salt: str = Field(default="", max_length=200)
    """Another salt is another draw, independent of the first."""


class RecommendConfig(Config):
    """The recommender."""

    k: int = Field(default=10, ge=1, le=1000)
    """Answers where the caller doesn't say."""
    history: HistoryConfig = HistoryConfig()
    anchors: int = Field(default=300, ge=1)
    """Latest posts of a person's history that are compared with candidates."""
    compared: int = Field(default=30, ge=1)
    """Latest posts of a similar person among which the one that binds them is looked for."""
    reactions: Path | None = Path("reactions")
    """Folder of the model of reactions, inside the workspace unless absolute; posts are ranked by
    likeness alone while there is none."""
    interests: InterestConfig = InterestConfig()
    candidates: CandidateConfig = CandidateConfig()
    ranking: RankingConfig = RankingConfig()
    diversity: DiversityConfig = DiversityConfig()
    exploration: ExplorationConfig = ExplorationConfig()
    reasons: int = Field(default=4, ge=2)
    """At most, per answer."""
