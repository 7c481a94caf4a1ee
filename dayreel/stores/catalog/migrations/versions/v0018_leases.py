"""Who holds what, and who was last heard of when; a fence for each act. What was held before expires as it would have."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "leases",
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fence", name=op.f("pk_leases")),
        sa.UniqueConstraint("scope", name=op.f("uq_leases_scope")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "holders",
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("boot", sa.String(length=40), nullable=False),
        sa.Column("beat_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_holders")),
    )
    op.add_column("effects", sa.Column("fence", sa.Integer(), nullable=False, server_default="0"))
