"""Which account of a platform was connected, for what, and until when."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "connections",
        sa.Column("world", sa.String(length=10), nullable=False),
        sa.Column("platform", sa.String(length=50), nullable=False),
        sa.Column("way", sa.String(length=30), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("account_name", sa.String(length=200), nullable=False),
        sa.Column("account_kind", sa.String(length=200), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("granted", sa.JSON(), nullable=False),
        sa.Column("missing", sa.JSON(), nullable=False),
        sa.Column("ends", sa.JSON(), nullable=False),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("connected_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("world", "platform", name=op.f("pk_connections")),
    )
