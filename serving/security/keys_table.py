"""The table of API keys; it stands beside the events in one database, with metadata of its own."""

from sqlalchemy import JSON, Column, MetaData, String, Table

from recsys.events.tables import Instant
from recsys.events.tables import metadata as events_metadata

metadata = MetaData(naming_convention=events_metadata.naming_convention)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(12), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("previous_digest", String(64), nullable=False),
    Column("previous_until", Instant),
    Column("name", String(100), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
)
