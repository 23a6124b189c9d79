"""The tables of the releases before there were migrations.

A database of such a release has these tables, or most of them; what is there stays as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

_ID = sa.String(128)
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables and indexes that aren't there."""
    _table("people", "user_id", sa.Column("user_id", _ID), sa.Column("profile", sa.Text))
    _table(
        "posts",
        "post_id",
        sa.Column("post_id", _ID),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("created_at", _INSTANT),
        sa.Column("language", sa.String(64)),
        sa.Column("private", sa.Boolean, nullable=False),
        sa.Column("image_hash", sa.String(32)),
    )
    _index("posts", "user_id", "private")
    _index("posts", "created_at")
    _index("posts", "image_hash")
    _table(
        "reactions",
        "key",
        sa.Column("key", sa.String(32)),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("post_id", _ID, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("created_at", _INSTANT),
    )
    _index("reactions", "user_id")
    _index("reactions", "post_id")
    _table(
        "pictures",
        "image_hash",
        sa.Column("image_hash", sa.String(32)),
        sa.Column("media_type", sa.String(32), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    _table(
        "unindexed",
        "post_id",
        sa.Column("post_id", _ID),
        sa.Column("mark", sa.String(16), nullable=False),
    )
    _table(
        "tombstones",
        "digest",
        sa.Column("digest", sa.String(32)),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    _table(
        "leases",
        "name",
        sa.Column("name", sa.String(64)),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
    )


def _table(name: str, key: str, *columns: sa.Column) -> None:
    primary = sa.PrimaryKeyConstraint(key, name=f"pk_{name}")
    op.create_table(name, *columns, primary, if_not_exists=True)


def _index(table: str, *columns: str) -> None:
    name = "_".join(["ix", table, *columns])
    op.create_index(name, table, list(columns), if_not_exists=True)
