"""A message may be about no content; what was told of own footage moves there, so that none of it is told again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATE = "state IN ('intended', 'sent', 'confirmed', 'refused', 'unknown')"
WHOSE = "(content_id IS NULL) = (channel IS NULL) AND (content_id IS NOT NULL OR kind = 'notification')"
UNIQUE = "uq_effects_content_id_kind_target_sequence_fingerprint"
NAMES = (
    "id, content_id, kind, target, sequence, fingerprint, channel, day, layer, model, world, state, version, attempts, "
    "owner, lease_until_at, request, handle, result, reserved_usd, settled_usd, spent_on, error, run_id, created_at, "
    "sent_at, settled_at"
)


def upgrade() -> None:
    """Apply."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        _remake_effects()
    else:
        op.alter_column("effects", "content_id", existing_type=sa.String(length=80), nullable=True)
        op.alter_column("effects", "channel", existing_type=sa.String(length=50), nullable=True)
        op.create_check_constraint(op.f("ck_effects_whose"), "effects", WHOSE)
    marker = "json_extract(request, '$.marker')" if is_sqlite else "request ->> 'marker'"
    footage = f"kind = 'notification' AND {marker} LIKE 'own footage/%'"
    # The first of each: where the oldest content was another one for a while, the same was told twice.
    op.execute(
        f"UPDATE effects SET content_id = NULL, channel = NULL WHERE id IN (SELECT min(id) FROM effects "  # noqa: S608
        f"WHERE {footage} GROUP BY world, target, sequence, fingerprint)"
    )
    op.create_index(
        "uq_effects_house",
        "effects",
        ["world", "kind", "fingerprint", "target", "sequence"],
        unique=True,
        sqlite_where=sa.text("content_id IS NULL"),
        postgresql_where=sa.text("content_id IS NULL"),
    )


def _remake_effects() -> None:
    """Make the table again: SQLite can change no column, and posts and renders point at these rows meanwhile."""
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE effects_before AS SELECT * FROM effects")
    for index in ("idx_effects_channel_day", "idx_effects_spent_on", "idx_effects_state"):
        op.drop_index(index, table_name="effects")
    op.drop_table("effects")
    op.create_table(
        "effects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.String(length=80), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("target", sa.String(length=50), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=50), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("layer", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.Column("world", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=True),
        sa.Column("lease_until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("handle", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("reserved_usd", sa.BigInteger(), nullable=False),
        sa.Column("settled_usd", sa.BigInteger(), nullable=True),
        sa.Column("spent_on", sa.Date(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(STATE, name=op.f("ck_effects_state")),
        sa.CheckConstraint(WHOSE, name=op.f("ck_effects_whose")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_effects_content_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_effects")),
        sa.UniqueConstraint("content_id", "kind", "target", "sequence", "fingerprint", name=op.f(UNIQUE)),
    )
    op.create_index("idx_effects_channel_day", "effects", ["channel", "day"], unique=False)
    op.create_index("idx_effects_spent_on", "effects", ["world", "spent_on"], unique=False)
    op.create_index("idx_effects_state", "effects", ["state"], unique=False)
    op.execute(f"INSERT INTO effects ({NAMES}) SELECT {NAMES} FROM effects_before")  # noqa: S608  fixed words
    op.execute("DROP TABLE effects_before")
