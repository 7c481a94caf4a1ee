"""The words that an approval is for, per platform: titles, hashtags and all. None where one was given before this step."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("decisions", sa.Column("words", sa.JSON(), nullable=True))
