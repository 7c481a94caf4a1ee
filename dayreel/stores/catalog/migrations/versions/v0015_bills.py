"""What vendors bill, by UTC day and model, to be compared with what is booked."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "bills",
        sa.Column("world", sa.String(length=10), nullable=False),
        sa.Column("vendor", sa.String(length=50), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("usd_by_model", sa.JSON(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("world", "vendor", "day", name=op.f("pk_bills")),
    )
