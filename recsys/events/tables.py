"""The tables as this release has them; `migrations/` makes them, and each change to them.

Names of constraints follow a convention, so that migrations can name them.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

ID = String(128)


class Instant(TypeDecorator[datetime]):
    """A time with its zone; SQLite forgets zones, so all are stored as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time {value} has no zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# No foreign keys: events arrive in any order, a reaction before its post among them.

people = Table(
    "people",
    metadata,
    Column("user_id", ID, primary_key=True),
    Column("profile", Text),
    Column("image_hash", String(32)),
    Index(None, "image_hash"),
)

posts = Table(
    "posts",
    metadata,
    Column("post_id", ID, primary_key=True),
    Column("user_id", ID, nullable=False),
    Column("text", Text),
    Column("tags", JSON, nullable=False),
    Column("created_at", Instant),
    Column("language", String(64)),
    Column("private", Boolean, nullable=False),
    Column("image_hash", String(32)),
    Column("category", String(200)),
    Index("ix_posts_user_id_private", "user_id", "private"),
    Index(None, "created_at"),
    Index(None, "image_hash"),
)

reactions = Table(
    "reactions",
    metadata,
    Column("key", String(32), primary_key=True),  # idempotency: see `writing.reaction_key`
    Column("user_id", ID, nullable=False),
    Column("post_id", ID, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("value", Float),
    Column("created_at", Instant),
    Index(None, "user_id"),
    Index(None, "post_id"),
)

# How many reactions of a kind a post has; changed in the transaction that changes those.
tallies = Table(
    "tallies",
    metadata,
    Column("post_id", ID, primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Index("ix_tallies_kind_count", "kind", "count"),
)

# What a person wants to see no more, and whom they want to have nothing to do with.
boundaries = Table(
    "boundaries",
    metadata,
    Column("user_id", ID, primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("target", String(200), primary_key=True),  # a person, a post or a tag
    Column("created_at", Instant, nullable=False),
    Index("ix_boundaries_kind_target", "kind", "target"),
)

# What was shown to whom, where and why: what experiments and offline estimates are made of.
exposures = Table(
    "exposures",
    metadata,
    Column("exposure_id", String(32), primary_key=True),
    Column("request_id", String(64), nullable=False),
    Column("user_id", ID, nullable=False),
    Column("post_id", ID, nullable=False),
    Column("position", Integer, nullable=False),
    Column("k", Integer, nullable=False),
    Column("score", Float, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("explored", Boolean, nullable=False),
    Column("experiment", String(64)),
    Column("variant", String(64)),
    Column("model_version", String(128), nullable=False),
    Column("sources", JSON, nullable=False),
    Column("shown_at", Instant, nullable=False),
    Index("ix_exposures_user_id_shown_at", "user_id", "shown_at"),
    Index("ix_exposures_experiment_shown_at", "experiment", "shown_at"),
    Index(None, "post_id"),
)

# What posts and people show, by content: equal pictures are stored once.
pictures = Table(
    "pictures",
    metadata,
    Column("image_hash", String(32), primary_key=True),
    Column("media_type", String(32), nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# Posts that were written over or anew, and that the index may not have yet: see `unindexed.py`.
unindexed = Table(
    "unindexed",
    metadata,
    Column("post_id", ID, primary_key=True),
    Column("mark", String(16), nullable=False),
)

# What was deleted and must not come back by a repeated import. A hash, so that the id is gone, too.
tombstones = Table(
    "tombstones",
    metadata,
    Column("digest", String(32), primary_key=True),
    Column("created_at", Instant, nullable=False),
)

# Who does what only one may do at a time.
leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", String(256), nullable=False),
    Column("expires_at", Instant, nullable=False),
)
