"""What people have set of a content's posts for this content alone, per platform. None where they have set nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("content", sa.Column("post_fields", sa.JSON(), nullable=True))
