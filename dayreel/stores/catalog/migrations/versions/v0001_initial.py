"""The first schema: content, posts, logs, config, decisions, transitions, effects, renders, snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "config",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=255), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_config")),
    )
    op.create_table(
        "content",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("channel", sa.String(length=50), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("take", sa.Integer(), nullable=False),
        sa.Column("world", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("last_good_state", sa.String(length=20), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("idea", sa.Text(), nullable=True),
        sa.Column("topic", sa.String(length=100), nullable=True),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.Column("video_sha256", sa.String(length=64), nullable=True),
        sa.Column("storage_path", sa.Text(), nullable=False),
        sa.Column("final_video_path", sa.Text(), nullable=True),
        sa.Column("review_deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'scripting', 'voicing', 'rendering', 'composing', 'review_pending', 'approved', 'publishing', 'posted', 'rejected', 'expired', 'failed')",
            name=op.f("ck_content_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content")),
        sa.UniqueConstraint("channel", "day", "take", name=op.f("uq_content_channel_day_take")),
    )
    op.create_index("idx_content_created_at", "content", ["created_at"], unique=False)
    op.create_index("idx_content_state", "content", ["state"], unique=False)
    op.create_table(
        "state_transitions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=20), nullable=False),
        sa.Column("entity_id", sa.String(length=100), nullable=False),
        sa.Column("from_state", sa.String(length=20), nullable=False),
        sa.Column("to_state", sa.String(length=20), nullable=False),
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("trigger", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trigger IN ('auto', 'manual', 'approval')", name=op.f("ck_state_transitions_trigger")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state_transitions")),
    )
    op.create_index("idx_state_transitions_entity", "state_transitions", ["entity", "entity_id"], unique=False)
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
        sa.CheckConstraint("verdict IN ('approved', 'rejected', 'edited')", name=op.f("ck_decisions_verdict")),
        sa.ForeignKeyConstraint(
            ["content_id"], ["content.id"], name=op.f("fk_decisions_content_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("idx_decisions_content_id", "decisions", ["content_id"], unique=False)
    op.create_table(
        "effects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("target", sa.String(length=50), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=50), nullable=False),
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
        sa.CheckConstraint(
            "state IN ('intended', 'sent', 'confirmed', 'refused', 'unknown')", name=op.f("ck_effects_state")
        ),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_effects_content_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_effects")),
        sa.UniqueConstraint(
            "content_id",
            "kind",
            "target",
            "sequence",
            "fingerprint",
            name=op.f("uq_effects_content_id_kind_target_sequence_fingerprint"),
        ),
    )
    op.create_index("idx_effects_channel_day", "effects", ["channel", "day"], unique=False)
    op.create_index("idx_effects_spent_on", "effects", ["world", "spent_on"], unique=False)
    op.create_index("idx_effects_state", "effects", ["state"], unique=False)
    op.create_table(
        "processing_logs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.String(length=80), nullable=True),
        sa.Column("layer", sa.String(length=50), nullable=False),
        sa.Column("status", sa.String(length=50), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=True),
        sa.Column("cost_usd", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["content_id"], ["content.id"], name=op.f("fk_processing_logs_content_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processing_logs")),
    )
    op.create_index("idx_processing_logs_content_id", "processing_logs", ["content_id"], unique=False)
    op.create_index("idx_processing_logs_layer", "processing_logs", ["layer"], unique=False)
    op.create_table(
        "platform_posts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.String(length=80), nullable=False),
        sa.Column("platform", sa.String(length=50), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("effect_id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("post_id", sa.Text(), nullable=True),
        sa.Column("post_url", sa.Text(), nullable=True),
        sa.Column("video_sha256", sa.String(length=64), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("posted_on", sa.Date(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('sending', 'processing', 'posted', 'failed', 'unknown')", name=op.f("ck_platform_posts_state")
        ),
        sa.ForeignKeyConstraint(
            ["content_id"], ["content.id"], name=op.f("fk_platform_posts_content_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_platform_posts_decision_id")),
        sa.ForeignKeyConstraint(["effect_id"], ["effects.id"], name=op.f("fk_platform_posts_effect_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_posts")),
        sa.UniqueConstraint("content_id", "platform", name=op.f("uq_platform_posts_content_id_platform")),
    )
    op.create_index("idx_platform_posts_account_video", "platform_posts", ["account", "video_sha256"], unique=False)
    op.create_index("idx_platform_posts_content_id", "platform_posts", ["content_id"], unique=False)
    op.create_index("idx_platform_posts_platform", "platform_posts", ["platform"], unique=False)
    op.create_table(
        "renders",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("content_id", sa.String(length=80), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("effect_id", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('idle', 'queued', 'rendering', 'completed', 'failed')", name=op.f("ck_renders_state")
        ),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_renders_content_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["effect_id"], ["effects.id"], name=op.f("fk_renders_effect_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renders")),
        sa.UniqueConstraint("content_id", "sequence", name=op.f("uq_renders_content_id_sequence")),
    )
    op.create_index("idx_renders_content_id", "renders", ["content_id"], unique=False)
    op.create_table(
        "metric_snapshots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_row_id", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.String(length=80), nullable=False),
        sa.Column("platform", sa.String(length=50), nullable=False),
        sa.Column("post_id", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("observed_on", sa.Date(), nullable=False),
        sa.Column("age_h", sa.Float(), nullable=False),
        sa.Column("views", sa.Integer(), nullable=True),
        sa.Column("reach", sa.Integer(), nullable=True),
        sa.Column("likes", sa.Integer(), nullable=True),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.Column("shares", sa.Integer(), nullable=True),
        sa.Column("saves", sa.Integer(), nullable=True),
        sa.Column("watch_time_s", sa.Float(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["post_row_id"], ["platform_posts.id"], name=op.f("fk_metric_snapshots_post_row_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_snapshots")),
    )
    op.create_index("idx_metric_snapshots_observed_on", "metric_snapshots", ["observed_on"], unique=False)
    op.create_index("idx_metric_snapshots_post_row_id", "metric_snapshots", ["post_row_id"], unique=False)
