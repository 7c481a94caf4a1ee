"""The catalog's schema (seeds 001, 002 and 004, one vocabulary). Changing it means a new numbered migration.

Money columns are millionths of a dollar (`types.Usd`), moments are UTC (`types.Moment`), days are a channel's own
calendar days. Costs per content and layer are not columns: they are sums over `effects`, which is the one place where
money is recorded. `info["row"]` says what one row is; the reference of the tables is made from it.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from dayreel.rules.approval import VERDICTS
from dayreel.rules.lifecycle import CONTENT_STATES, ITEM_STATES, RENDER_STATES
from dayreel.rules.roles import ROLES
from dayreel.schemas.metric import METRICS
from dayreel.stores.catalog.types import Moment, Usd

metadata = MetaData(
    naming_convention={
        "ix": "idx_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


content = Table(
    "content",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("channel", String(50), nullable=False),
    Column("day", Date, nullable=False),
    Column("take", Integer, nullable=False),
    Column("world", String(10), nullable=False),
    Column("state", String(20), nullable=False),
    Column("last_good_state", String(20)),
    Column("version", Integer, nullable=False, default=1),
    Column("revision", Integer, nullable=False, default=0),
    Column("idea", Text),
    Column("topic", String(100)),
    Column("caption", Text),
    Column("post_fields", JSON),
    Column("video_sha256", String(64)),
    Column("storage_path", Text, nullable=False),
    Column("final_video_path", Text),
    Column("review_deadline_at", Moment),
    Column("error", Text),
    Column("run_id", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Column("posted_at", Moment),
    # Counts the changes of every row of this content, and names the newest; the copy beside its files says the same.
    Column("change_number", Integer, nullable=False, default=0, server_default="0"),
    Column("change_token", String(16)),
    UniqueConstraint("channel", "day", "take"),
    CheckConstraint(_one_of("state", CONTENT_STATES), name="state"),
    Index("idx_content_state", "state"),
    Index("idx_content_created_at", "created_at"),
    info={"row": "one video of one channel on one day (a take): state, revision, caption, own post fields, deadline"},
)

platform_posts = Table(
    "platform_posts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_id", ForeignKey("content.id", ondelete="CASCADE"), nullable=False),
    Column("platform", String(50), nullable=False),
    Column("account", String(100), nullable=False),
    Column("effect_id", ForeignKey("effects.id"), nullable=False),
    Column("decision_id", ForeignKey("decisions.id"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("post_id", Text),
    Column("post_url", Text),
    Column("video_sha256", String(64), nullable=False),
    Column("posted_at", Moment),
    Column("posted_on", Date),
    Column("error_message", Text),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("content_id", "platform"),
    CheckConstraint(_one_of("state", ("sending", "processing", "posted", "failed", "unknown")), name="state"),
    Index("idx_platform_posts_content_id", "content_id"),
    Index("idx_platform_posts_platform", "platform"),
    Index("idx_platform_posts_account_video", "account", "video_sha256"),
    info={"row": "one content on one platform"},
)

processing_logs = Table(
    "processing_logs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_id", ForeignKey("content.id", ondelete="CASCADE")),
    Column("layer", String(50), nullable=False),
    Column("status", String(50), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Column("error_message", Text),
    Column("metadata", JSON),
    Column("cost_usd", Usd),
    Column("run_id", String(64)),
    Index("idx_processing_logs_content_id", "content_id"),
    Index("idx_processing_logs_layer", "layer"),
    info={"row": "one stage of one content: started, completed or failed"},
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("world", String(10), nullable=False),
    Column("platform", String(50), nullable=False),
    Column("account_id", String(100), nullable=False),
    Column("name", String(200), nullable=False),
    Column("read_at", Moment, nullable=False),
    Index("idx_accounts_platform", "world", "platform"),
    info={"row": "one account that a platform has answered for, from when on"},
)

config = Table(
    "config",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", String(255), nullable=False),
    Column("note", Text),
    info={"row": "one setting that a person changed"},
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_id", ForeignKey("content.id", ondelete="CASCADE"), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("video_sha256", String(64), nullable=False),
    Column("caption", Text, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("decided_by", String(255), nullable=False),
    Column("via", String(20), nullable=False),
    Column("note", Text),
    Column("decided_at", Moment, nullable=False),
    Column("words", JSON),
    Column("accounts", JSON),
    CheckConstraint(_one_of("verdict", VERDICTS), name="verdict"),
    Index("idx_decisions_content_id", "content_id"),
    info={"row": "what one person decided about one revision"},
)

waivers = Table(
    "waivers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_id", ForeignKey("content.id", ondelete="CASCADE"), nullable=False),
    Column("check_name", String(50), nullable=False),
    Column("video_sha256", String(64), nullable=False),
    Column("value", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("waived_by", String(255), nullable=False),
    Column("via", String(20), nullable=False),
    Column("waived_at", Moment, nullable=False),
    Index("idx_waivers_content_id", "content_id"),
    info={"row": "one failed check of one video that a person has waived, and why"},
)

state_transitions = Table(
    "state_transitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entity", String(20), nullable=False),
    Column("entity_id", String(100), nullable=False),
    Column("from_state", String(20), nullable=False),
    Column("to_state", String(20), nullable=False),
    Column("event", String(30), nullable=False),
    Column("trigger", String(20), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("notes", Text),
    Column("version", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    CheckConstraint(_one_of("trigger", ("auto", "manual", "approval")), name="trigger"),
    Index("idx_state_transitions_entity", "entity", "entity_id"),
    info={"row": "one step of a lifecycle: from, to, why, by whom"},
)

effects = Table(
    "effects",
    metadata,
    Column("id", Integer, primary_key=True),
    # Both or neither: a message about no content belongs to no channel. Nothing else may do without.
    Column("content_id", ForeignKey("content.id", ondelete="CASCADE")),
    Column("kind", String(20), nullable=False),
    Column("target", String(50), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("channel", String(50)),
    Column("day", Date, nullable=False),
    Column("layer", String(20), nullable=False),
    Column("model", String(100)),
    Column("world", String(10), nullable=False),
    Column("state", String(12), nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("attempts", Integer, nullable=False, default=0),
    # Grows with each claim and each takeover: who was taken over writes nothing more.
    Column("fence", Integer, nullable=False, default=0, server_default="0"),
    Column("owner", String(200)),
    # When an act was given back, for another run to continue. Beside an owner, from before there were beats: until when
    # it is believed.
    Column("lease_until_at", Moment),
    Column("request", JSON, nullable=False),
    Column("handle", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("reserved_usd", Usd, nullable=False),
    Column("settled_usd", Usd),
    Column("spent_on", Date),
    Column("error", Text),
    Column("run_id", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("settled_at", Moment),
    UniqueConstraint("content_id", "kind", "target", "sequence", "fingerprint"),
    CheckConstraint(_one_of("state", ("intended", "sent", "confirmed", "refused", "unknown")), name="state"),
    Index("idx_effects_state", "state"),
    Index("idx_effects_spent_on", "world", "spent_on"),
    Index("idx_effects_channel_day", "channel", "day"),
    CheckConstraint(
        "(content_id IS NULL) = (channel IS NULL) AND (content_id IS NOT NULL OR kind = 'notification')", name="whose"
    ),
    info={"row": "one act on the outside world: request, handle, outcome, money"},
)
# A unique constraint takes every NULL for another one, so messages about no content have an index of their own.
Index(
    "uq_effects_house",
    *(effects.c[name] for name in ("world", "kind", "fingerprint", "target", "sequence")),
    unique=True,
    sqlite_where=effects.c.content_id.is_(None),
    postgresql_where=effects.c.content_id.is_(None),
)

leases = Table(
    "leases",
    metadata,
    # Never given again: a number that was deleted is not the next one's.
    Column("fence", Integer, primary_key=True),
    Column("scope", String(200), nullable=False, unique=True),
    Column("owner", String(200), nullable=False),
    Column("what", Text, nullable=False),
    Column("since_at", Moment, nullable=False),
    sqlite_autoincrement=True,
    info={"row": "one piece of work that a process holds now, and the fence that guards what it writes"},
)

holders = Table(
    "holders",
    metadata,
    Column("owner", String(200), primary_key=True),
    Column("boot", String(40), nullable=False),
    Column("beat_s", Float, nullable=False),
    info={"row": "one process that holds something, and when it was last heard of, on the clock that all owners share"},
)

bills = Table(
    "bills",
    metadata,
    Column("world", String(10), primary_key=True),
    Column("vendor", String(50), primary_key=True),
    Column("day", Date, primary_key=True),
    # Dollars as texts, by model: a day on which nothing was billed is a fact as well, and no row of it would say so.
    Column("usd_by_model", JSON, nullable=False),
    Column("read_at", Moment, nullable=False),
    info={"row": "what one vendor bills for one UTC day, by model, as it was last read"},
)

renders = Table(
    "renders",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("content_id", ForeignKey("content.id", ondelete="CASCADE"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("seed", Integer),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("progress", Integer, nullable=False, default=0),
    Column("detail", Text),
    Column("effect_id", ForeignKey("effects.id")),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("content_id", "sequence"),
    CheckConstraint(_one_of("state", RENDER_STATES), name="state"),
    Index("idx_renders_content_id", "content_id"),
    info={"row": "one segment's generation: state and progress"},
)

metric_snapshots = Table(
    "metric_snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("post_row_id", ForeignKey("platform_posts.id", ondelete="CASCADE"), nullable=False),
    Column("content_id", String(80), nullable=False),
    Column("platform", String(50), nullable=False),
    Column("post_id", Text, nullable=False),
    Column("observed_at", Moment, nullable=False),
    Column("observed_on", Date, nullable=False),
    Column("age_h", Float, nullable=False),
    *(Column(metric.name, Integer if metric.kind == "int" else Float) for metric in METRICS.values()),
    # Why a metric was not reported that was asked for, by its name.
    Column("refused", JSON(none_as_null=True)),
    Column("simulated", Boolean, nullable=False),
    Column("run_id", String(64)),
    Index("idx_metric_snapshots_observed_on", "observed_on"),
    Index("idx_metric_snapshots_post_row_id", "post_row_id"),
    info={"row": "one post's counters at one moment"},
)

account_snapshots = Table(
    "account_snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("world", String(10), nullable=False),
    Column("platform", String(50), nullable=False),
    Column("account_id", String(100), nullable=False),
    Column("observed_at", Moment, nullable=False),
    Column("observed_on", Date, nullable=False),
    Column("followers", Integer),
    Column("refused", Text),
    Column("run_id", String(64)),
    Index("idx_account_snapshots_observed_on", "observed_on"),
    info={"row": "how many followed one account at one moment, or why that was not reported"},
)

# -- what people plan for days that are not made yet ---------------------------------------------------------------

pinned_ideas = Table(
    "pinned_ideas",
    metadata,
    Column("channel", String(50), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("idea", Text, nullable=False),
    Column("caption", Text),
    Column("pinned_by", String(255), nullable=False),
    Column("pinned_at", Moment, nullable=False),
    info={"row": "one idea that a person set for a day of a channel"},
)

channel_pauses = Table(
    "channel_pauses",
    metadata,
    Column("channel", String(50), primary_key=True),
    Column("until_on", Date),
    Column("note", Text),
    Column("paused_by", String(255), nullable=False),
    Column("paused_at", Moment, nullable=False),
    info={"row": "one pause of a channel"},
)

skipped_days = Table(
    "skipped_days",
    metadata,
    Column("channel", String(50), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("note", Text),
    Column("skipped_by", String(255), nullable=False),
    Column("skipped_at", Moment, nullable=False),
    info={"row": "one day that a person has a channel leave out"},
)

# -- tokens that dayreel renews automatically, see `stores.token_vault` -----------------------------------------------

oauth_tokens = Table(
    "oauth_tokens",
    metadata,
    Column("vendor", String(30), primary_key=True),
    Column("access_sealed", Text, nullable=False),
    Column("refresh_sealed", Text),
    Column("expires_at", Moment),
    Column("refresh_expires_at", Moment),
    Column("obtained_at", Moment, nullable=False),
    Column("seed_sha256", String(64), nullable=False),
    Column("refused_seed_sha256", String(64)),
    Column("error", Text),
    Column("version", Integer, nullable=False, default=1),
    Column("updated_at", Moment, nullable=False),
    info={"row": "the tokens of one vendor that dayreel renews automatically, sealed with `DAYREEL_TOKEN_KEY`"},
)

connections = Table(
    "connections",
    metadata,
    Column("world", String(10), primary_key=True),
    Column("platform", String(50), primary_key=True),
    Column("way", String(30), nullable=False),
    Column("account_id", String(100), nullable=False),
    Column("account_name", String(200), nullable=False),
    Column("account_kind", String(200), nullable=False),
    Column("app", Text, nullable=False),
    Column("granted", JSON, nullable=False),
    Column("missing", JSON, nullable=False),
    Column("ends", JSON, nullable=False),
    Column("connected_at", Moment, nullable=False),
    Column("connected_by", String(255), nullable=False),
    info={"row": "the account of a platform that was connected in a browser: its scopes, and when its tokens end"},
)

# -- people at the desk --------------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("name_key", String(80), nullable=False, unique=True),
    Column("role", String(10), nullable=False),
    Column("password_hash", Text),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("disabled_at", Moment),
    CheckConstraint(_one_of("role", ROLES), name="role"),
    info={"row": "one person who may use the desk"},
)

person_accounts = Table(
    "person_accounts",
    metadata,
    Column("kind", String(30), primary_key=True),
    Column("account_id", String(100), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("added_by", String(255), nullable=False),
    Index("idx_person_accounts_user_id", "user_id"),
    info={"row": "one account of a person elsewhere: a chat's user id, or a login of the machine"},
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Index("idx_sessions_user_id", "user_id"),
    info={"row": "one login; only its hash is kept"},
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("label", String(80), nullable=False),
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("role", String(10), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    CheckConstraint(_one_of("role", ROLES), name="role"),
    Index("idx_api_tokens_user_id", "user_id"),
    info={"row": "one API token of a person; only its hash is kept"},
)

invitations = Table(
    "invitations",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    info={"row": "one one-time link; only its hash is kept"},
)

acts = Table(
    "acts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("via", String(20), nullable=False),
    Column("act", String(50), nullable=False),
    Column("target", String(200), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("idx_acts_at", "at"),
    info={"row": "one thing that somebody did to users, settings or the kill switch"},
)

# -- what should have happened and has not, see `services.upkeep.report_silences` -----------------------------------

silences = Table(
    "silences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("world", String(10), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("next_step", Text, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("claimed_at", Moment),
    Column("reported_at", Moment),
    Column("resolved_at", Moment),
    Column("closed_at", Moment),
    Index("idx_silences_closed_at", "closed_at"),
    info={"row": "one thing that should have happened and had not: when that was seen, reported, and over"},
)

# -- from which time this catalog is, see `stores.catalog.epoch` ---------------------------------------------------

epochs = Table(
    "epochs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String(32), nullable=False),
    Column("sends", Integer, nullable=False),
    Column("change_number", Integer, nullable=False, default=0),
    Column("began_at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    info={"row": "one beginning of this catalog: made, restored from a backup, or rebuilt from the content folders"},
)

epoch_holds = Table(
    "epoch_holds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target", String(50), nullable=False),
    Column("reason", Text, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("since_at", Moment, nullable=False),
    Column("released_at", Moment),
    Column("released_by", String(255)),
    Column("evidence", Text),
    info={"row": "one vendor that nothing is sent to until it was searched for acts that the catalog does not know"},
)

# -- own footage: a cache of what the shared folder says, and its history, see `footage.library` ------------------

media_items = Table(
    "media_items",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("leaf", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("year", Integer),
    Column("series", Text),
    Column("season", Integer),
    Column("disc", Integer),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("folder_path", Text),
    Column("perceptual_hash", String(200)),
    Column("metadata", JSON, nullable=False),
    Column("error", Text),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    CheckConstraint(_one_of("kind", ("movie", "tv")), name="kind"),
    CheckConstraint(_one_of("state", ITEM_STATES), name="state"),
    Index("idx_media_items_state", "state"),
    Index("idx_media_items_folder_path", "folder_path"),
    info={"row": "one item of own footage, as the shared folder has it"},
)

media_files = Table(
    "media_files",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("item_id", ForeignKey("media_items.id", ondelete="CASCADE"), nullable=False),
    Column("stage", String(12), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    UniqueConstraint("item_id", "stage", "path"),
    Index("idx_media_files_sha256", "sha256"),
    info={"row": "one file of an item of own footage"},
)

human_approvals = Table(
    "human_approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("item_id", ForeignKey("media_items.id", ondelete="CASCADE"), nullable=False),
    Column("approval_type", String(20), nullable=False),
    Column("status", String(12), nullable=False),
    Column("prompt_data", JSON, nullable=False),
    Column("subject_sha256", String(64), nullable=False),
    Column("response_data", JSON),
    Column("requested_at", Moment, nullable=False),
    Column("responded_at", Moment),
    Column("responded_by", String(255)),
    Column("via", String(20)),
    CheckConstraint(_one_of("approval_type", ("remux_review", "naming_confirm")), name="approval_type"),
    CheckConstraint(_one_of("status", ("pending", "approved", "rejected", "superseded")), name="status"),
    Index("idx_human_approvals_status", "status"),
    Index("idx_human_approvals_item_id", "item_id"),
    info={"row": "one question to a person about own footage, and the answer"},
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("item_id", ForeignKey("media_items.id", ondelete="CASCADE"), nullable=False),
    Column("role", String(12), nullable=False),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("progress", Integer, nullable=False, default=0),
    Column("detail", Text),
    Column("spec", JSON, nullable=False),
    Column("worker", String(100)),
    Column("fence", Integer),
    Column("error", Text),
    Column("input_bytes", BigInteger, nullable=False),
    Column("output_bytes", BigInteger),
    Column("requested_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("updated_at", Moment, nullable=False),
    CheckConstraint(_one_of("state", RENDER_STATES), name="state"),
    Index("idx_jobs_state", "state"),
    Index("idx_jobs_item_id", "item_id"),
    info={"row": "one job of a worker: state and progress, as the shared folder has it"},
)
