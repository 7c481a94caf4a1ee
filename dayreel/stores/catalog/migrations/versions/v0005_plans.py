"""What people plan (ideas pinned to days, paused channels), and three more words that a decision may be."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

VERDICT = "verdict IN ('approved', 'rejected', 'edited', 'endorsed', 'held', 'recalled')"
NAMES = "id, content_id, verdict, revision, video_sha256, caption, fields, decided_by, via, note, decided_at"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "pinned_ideas",
        sa.Column("channel", sa.String(length=50), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("idea", sa.Text(), nullable=False),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.Column("pinned_by", sa.String(length=255), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", "day", name=op.f("pk_pinned_ideas")),
    )
    op.create_table(
        "channel_pauses",
        sa.Column("channel", sa.String(length=50), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("paused_by", sa.String(length=255), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_pauses")),
    )
    if op.get_bind().dialect.name == "sqlite":
        _remake_decisions()
    else:
        op.drop_constraint(op.f("ck_decisions_verdict"), "decisions", type_="check")
        op.create_check_constraint(op.f("ck_decisions_verdict"), "decisions", VERDICT)


def _remake_decisions() -> None:
    """Make the table again with the new check: SQLite can change none, and posts point at these rows meanwhile."""
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE decisions_before AS SELECT * FROM decisions")
    op.drop_index(op.f("idx_decisions_content_id"), table_name="decisions")
    op.drop_table("decisions")
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.String(length=80), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("video_sha256", sa.String(length=64), nullable=False),
        sa.Column("caption", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("decided_by", sa.String(length=255), nullable=False),
        sa.Column("via", sa.String(length=20), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(VERDICT, name=op.f("ck_decisions_verdict")),
        sa.ForeignKeyConstraint(
            ["content_id"], ["content.id"], name=op.f("fk_decisions_content_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("idx_decisions_content_id", "decisions", ["content_id"], unique=False)
    op.execute(f"INSERT INTO decisions ({NAMES}) SELECT {NAMES} FROM decisions_before")  # noqa: S608  fixed words
    op.drop_table("decisions_before")
