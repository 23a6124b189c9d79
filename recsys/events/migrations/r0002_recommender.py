"""What a recommender needs: categories, profile pictures, boundaries, tallies and exposures."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"

_ID = sa.String(128)
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add columns and tables, and count the reactions that are there."""
    op.add_column("posts", sa.Column("category", sa.String(200)))
    op.add_column("people", sa.Column("image_hash", sa.String(32)))
    op.create_index("ix_people_image_hash", "people", ["image_hash"])
    op.create_table(
        "tallies",
        sa.Column("post_id", _ID),
        sa.Column("kind", sa.String(64)),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("post_id", "kind", name="pk_tallies"),
    )
    op.create_index("ix_tallies_kind_count", "tallies", ["kind", "count"])
    op.execute(
        "INSERT INTO tallies (post_id, kind, count) "
        "SELECT post_id, kind, count(*) FROM reactions GROUP BY post_id, kind"
    )
    op.create_table(
        "boundaries",
        sa.Column("user_id", _ID),
        sa.Column("kind", sa.String(32)),
        sa.Column("target", sa.String(200)),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "kind", "target", name="pk_boundaries"),
    )
    op.create_index("ix_boundaries_kind_target", "boundaries", ["kind", "target"])
    op.create_table(
        "exposures",
        sa.Column("exposure_id", sa.String(32)),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("post_id", _ID, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("k", sa.Integer, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("propensity", sa.Float, nullable=False),
        sa.Column("explored", sa.Boolean, nullable=False),
        sa.Column("experiment", sa.String(64)),
        sa.Column("variant", sa.String(64)),
        sa.Column("model_version", sa.String(128), nullable=False),
        sa.Column("sources", sa.JSON, nullable=False),
        sa.Column("shown_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("exposure_id", name="pk_exposures"),
    )
    op.create_index("ix_exposures_user_id_shown_at", "exposures", ["user_id", "shown_at"])
    op.create_index("ix_exposures_experiment_shown_at", "exposures", ["experiment", "shown_at"])
    op.create_index("ix_exposures_post_id", "exposures", ["post_id"])
