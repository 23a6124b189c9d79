"""What variants of experiments would have shown, and an index to join reactions by."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"

_ID = sa.String(128)


def upgrade() -> None:
    """Add the table. The index on person and post serves for the person alone, too."""
    op.create_index("ix_reactions_user_id_post_id", "reactions", ["user_id", "post_id"])
    op.drop_index("ix_reactions_user_id", "reactions")
    op.create_table(
        "shadows",
        sa.Column("request_id", sa.String(64)),
        sa.Column("experiment", sa.String(64)),
        sa.Column("variant", sa.String(64)),
        sa.Column("position", sa.Integer),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("post_id", _ID, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("propensity", sa.Float, nullable=False),
        sa.Column("model_version", sa.String(128), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "request_id", "experiment", "variant", "position", name="pk_shadows"
        ),
    )
    columns = ["experiment", "variant", "computed_at"]
    op.create_index("ix_shadows_experiment_variant_computed_at", "shadows", columns)
    op.create_index("ix_shadows_user_id", "shadows", ["user_id"])
    op.create_index("ix_shadows_post_id", "shadows", ["post_id"])
