"""More of what platforms report of a post, why they did not, and how many follow an account."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    counts, shares = ("engaged_views", "reposts", "follows"), ("average_watch_s", "skip_rate")
    kinds: dict[str, Any] = {
        **dict.fromkeys(counts, sa.Integer()),
        **dict.fromkeys(shares, sa.Float()),
        "refused": sa.JSON(),
    }
    for name, kind in kinds.items():
        op.add_column("metric_snapshots", sa.Column(name, kind, nullable=True))
    op.create_table(
        "account_snapshots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("world", sa.String(length=10), nullable=False),
        sa.Column("platform", sa.String(length=50), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("observed_on", sa.Date(), nullable=False),
        sa.Column("followers", sa.Integer(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_snapshots")),
    )
    op.create_index("idx_account_snapshots_observed_on", "account_snapshots", ["observed_on"])
