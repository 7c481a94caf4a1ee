"""Accounts elsewhere that are mapped to a person: a chat's user ids, logins of the machine."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "person_accounts",
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_person_accounts_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("kind", "account_id", name=op.f("pk_person_accounts")),
    )
    op.create_index("idx_person_accounts_user_id", "person_accounts", ["user_id"])
