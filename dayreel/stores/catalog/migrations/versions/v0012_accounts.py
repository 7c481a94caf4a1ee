"""The accounts that platforms have answered for, and which of them an approval is for.

An approval from before this step is for the account to which the platform's last post went, where that was known.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_SEED = """
    INSERT INTO accounts (world, platform, account_id, name, read_at)
    SELECT content.world, post.platform, post.account, '', post.updated_at
    FROM platform_posts AS post JOIN content ON content.id = post.content_id
    WHERE post.account NOT IN ('', 'default') AND post.id IN (
        SELECT MAX(newest.id) FROM platform_posts AS newest JOIN content AS its ON its.id = newest.content_id
        GROUP BY its.world, newest.platform
    )
"""


def upgrade() -> None:
    """Apply."""
    op.add_column("decisions", sa.Column("accounts", sa.JSON(), nullable=True))
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("world", sa.String(length=10), nullable=False),
        sa.Column("platform", sa.String(length=50), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index("idx_accounts_platform", "accounts", ["world", "platform"])
    op.execute(_SEED)
