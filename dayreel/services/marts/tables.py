"""The marts as analysts see them: every table with its grain, key, columns, units and what null means. Data, no pandas:

the graph and the docs read this without loading the libraries that build them.
"""

from collections.abc import Mapping

from dayreel.schemas.mart import Column, ColumnKind, Mart

COUNTERS = ("views", "reach", "likes", "comments", "shares", "saves", "watch_time_s")
MARKS_H: Mapping[str, float] = {"1h": 1.0, "24h": 24.0, "7d": 168.0, "30d": 720.0}
LAYERS = ("idea", "prompt", "voice", "video")
GAINED = ("views", "likes", "comments", "shares", "saves")


def _counter_columns() -> tuple[Column, ...]:
    made: list[Column] = []
    for name in COUNTERS:
        kind: ColumnKind = "float" if name == "watch_time_s" else "int"
        unit = "seconds watched" if name == "watch_time_s" else name
        made += [
            Column(name, kind, f"{unit} in total, as reported; null: not reported"),
            Column(f"{name}_gained", kind, f"{unit} gained since `since_at`, never negative; null: not known"),
            Column(f"{name}_taken_back", kind, f"{unit} by which the total fell since then; null: not known"),
        ]
    return tuple(made)


ENGAGEMENT_DAILY = Mart(
    "engagement/daily",
    "day",
    "one post on one day on which it should have been measured",
    ("day", "post_row_id"),
    (
        Column("day", "day", "day of the measurement, in DAYREEL_TIMEZONE"),
        Column("channel", "text", "channel of the content"),
        Column("content_id", "text", "the content that was posted"),
        Column("platform", "text", "where it was posted"),
        Column("post_row_id", "int", "the post (catalog: platform_posts.id)"),
        Column("post_id", "text", "the platform's id of the post"),
        Column("status", "text", "`measured`, or `missing`: then every number is null, never 0"),
        Column("reason", "text", "why it is missing; null when measured"),
        Column("posted_at", "moment", "when it went out (UTC)"),
        Column("observed_at", "moment", "the last time the platform was asked on this day (UTC); null: missing"),
        Column("age_h", "float", "hours since it went out, at `observed_at`; null: missing"),
        Column("since_at", "moment", "what gains count from: the snapshot before, else `posted_at`; null: missing"),
        Column("hours_covered", "float", "hours between `since_at` and `observed_at`; far over 24 after a gap"),
        Column("pulls", "int", "distinct moments at which it was measured on this day; 0: missing"),
        *_counter_columns(),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)


ENGAGEMENT_COHORTS = Mart(
    "engagement/cohorts",
    "day",
    "one post at one age (1 h, 24 h, 7 d, 30 d), on the day a snapshot first showed it past that age",
    ("day", "post_row_id", "mark_h"),
    (
        Column("day", "day", "observation day on which the age was passed, in DAYREEL_TIMEZONE"),
        Column("channel", "text", "channel of the content"),
        Column("content_id", "text", "the content that was posted"),
        Column("platform", "text", "where it was posted"),
        Column("post_row_id", "int", "the post (catalog: platform_posts.id)"),
        Column("age", "text", "`1h`, `24h`, `7d` or `30d`"),
        Column("mark_h", "float", "the same in hours"),
        Column(
            "method",
            "text",
            "`observed`: a snapshot within 1 % of the age; `interpolated`: linear between the two around it; "
            "`gap`: they are too far apart, all numbers are null",
        ),
        Column("before_h", "float", "age at the snapshot before, in hours; 0 is the moment of posting"),
        Column("after_h", "float", "age at the snapshot after, in hours"),
        *(
            Column(
                name,
                "float" if name == "watch_time_s" else "int",
                f"{'seconds watched' if name == 'watch_time_s' else name} at that age; null: not reported, or a gap",
            )
            for name in COUNTERS
        ),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)


CONTENT_PERFORMANCE = Mart(
    "content/performance",
    "day",
    "one content (one video of one channel on one day; takes are contents of their own)",
    ("day", "content_id"),
    (
        Column("day", "day", "the content's day, in the channel's time zone"),
        Column("channel", "text", "channel"),
        Column("content_id", "text", "the content"),
        Column("take", "int", "1, or a later take of the day"),
        Column("state", "text", "where it stands in its lifecycle"),
        Column("topic", "text", "what the idea is about, in two to five words; null: no idea yet"),
        Column("idea", "text", "the idea; null: none yet"),
        Column("hook", "text", "first sentence of the narration, else of the caption; null: no idea yet"),
        Column("idea_model", "text", "model that wrote the idea; null: a calendar, or none yet"),
        Column("prompt_model", "text", "model that wrote the prompts; null: none"),
        Column("video_model", "text", "model that made the segments; null: own footage, or none yet"),
        Column("experiment", "text", "experiment it was part of; null: none"),
        Column("variant", "text", "variant it was assigned to; null: none"),
        *(Column(f"cost_{layer}_usd", "usd", f"settled or still reserved for the {layer} layer") for layer in LAYERS),
        Column("cost_usd", "usd", "all layers together"),
        Column("unknown_usd", "usd", "the part of it whose outcome is not known"),
        Column("verdict", "text", "newest decision: approved, rejected or edited; null: nobody has decided"),
        Column("decided_by", "text", "who decided; null: nobody"),
        Column("reason", "text", "the note of the newest decision; null: none"),
        Column("platforms", "int", "platforms it is posted on"),
        Column("first_posted_at", "moment", "when it first went out (UTC); null: not posted"),
        *(
            Column(
                f"views_{age}",
                "int",
                f"views at {age} of age over all its platforms; null: one of them is not known at that age",
            )
            for age in MARKS_H
        ),
        Column("reactions_7d", "int", "likes + comments + shares + saves at 7d, where reported; null: views not known"),
        Column("views_latest", "int", "newest totals together, at whatever age; null: never measured"),
        Column("latest_age_h", "float", "age of the youngest of them; null: never measured"),
        Column("usd_per_1000_views_7d", "float", "cost_usd per 1,000 views at 7 days; null: no such views"),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)


FINANCE_SPEND = Mart(
    "finance/spend",
    "day",
    "one day, world, channel, provider and layer on which money was spent or held; no row: nothing",
    ("day", "world", "channel", "provider", "layer"),
    (
        Column("day", "day", "day on which the money counts, in DAYREEL_TIMEZONE"),
        Column("world", "text", "`sandbox` (no real money) or `live`"),
        Column("channel", "text", "channel"),
        Column("provider", "text", "who is paid"),
        Column("layer", "text", "what for: idea, prompt, voice, video"),
        Column("purchases", "int", "acts that were paid, or hold money"),
        Column("settled_usd", "usd", "paid"),
        Column("reserved_usd", "usd", "held for requests that are still running"),
        Column("unknown_usd", "usd", "held for requests whose outcome is not known"),
        Column("spent_usd", "usd", "the three together: what counts against the caps"),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)
FINANCE_PROJECTION = Mart(
    "finance/projection",
    "day",
    "one day and world in which something was made or spent this month so far; if in none, the project's",
    ("day", "world"),
    (
        Column("day", "day", "the day, in DAYREEL_TIMEZONE"),
        Column("world", "text", "`sandbox` (no real money) or `live`"),
        Column("spent_usd", "usd", "spent or held on this day"),
        Column("cap_day_usd", "usd", "the cap of one day, as it was set when the day ended"),
        Column("month_to_date_usd", "usd", "spent or held from the first of the month to this day"),
        Column("projected_month_usd", "usd", "month to date x days of the month / days so far"),
        Column("cap_month_usd", "usd", "the cap of one month, as it was set when the day ended"),
        Column("is_over", "flag", "whether the projection is above the cap of the month"),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)
REVIEW_OUTCOMES = Mart(
    "review/outcomes",
    "day",
    "one decision, or one review that expired",
    ("day", "content_id", "decided_at", "verdict"),
    (
        Column("day", "day", "day of the decision, in DAYREEL_TIMEZONE"),
        Column("channel", "text", "channel"),
        Column("content_id", "text", "what was decided on"),
        Column("content_day", "day", "the day that content was made for"),
        Column("decision_id", "int", "catalog: decisions.id; null: expired"),
        Column("revision", "int", "the revision that was seen"),
        Column("verdict", "text", "approved, rejected, edited or expired"),
        Column("decided_by", "text", "who; null: expired"),
        Column("via", "text", "on which face; null: expired"),
        Column("reason", "text", "the note; null: none was given"),
        Column("requested_at", "moment", "when the review was last asked for before; null: not known"),
        Column("decided_at", "moment", "when (UTC)"),
        Column("hours_to_decision", "float", "hours between the two; null: not known"),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)


FACTORY_HEALTH = Mart(
    "factory/health",
    "day",
    "one channel, layer, provider and world that did something on a day",
    ("day", "channel", "layer", "provider", "simulated"),
    (
        Column("day", "day", "day on which the work was started, in DAYREEL_TIMEZONE"),
        Column("channel", "text", "channel; `*` for work on all of them, such as measuring"),
        Column("layer", "text", "idea, prompt, voice, video, composition, distribution (posts) or measurement"),
        Column("provider", "text", "who did it: a model's vendor, ffmpeg, a platform"),
        Column("attempts", "int", "times it was started"),
        Column("completed", "int", "times it ended well"),
        Column("failed", "int", "times it failed or was refused"),
        Column("unknown", "int", "times its outcome is not known"),
        Column("success_rate", "float", "completed / (completed + failed + unknown); null: nothing has ended"),
        Column("seconds_median", "float", "seconds from start to end, of those that ended; null: none has"),
        Column("seconds_most", "float", "the slowest of them; null: none has"),
        Column("last_error", "text", "what the last failure said; null: none"),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)


LIBRARY_THROUGHPUT = Mart(
    "library/throughput",
    "day",
    "one job of own footage that ended on a day; one that is tried again counts where it ended last",
    ("day", "job"),
    (
        Column("day", "day", "day on which it ended, in DAYREEL_TIMEZONE"),
        Column("job", "text", "the job (catalog: jobs.id)"),
        Column("item_id", "text", "the item it was for (catalog: media_items.id)"),
        Column("role", "text", "remux, transcode or file"),
        Column("preset", "text", "h264, h265 or av1, as the plan said; null: no transcode"),
        Column("worker", "text", "who did the last attempt, or cancelled it while it waited; null: not reported"),
        Column("attempts", "int", "the number of the last attempt; null: not reported"),
        Column("outcome", "text", "`done`, `failed` for good, or `cancelled` by somebody"),
        Column("ended_at", "moment", "when it ended (UTC)"),
        Column(
            "queue_wait_s",
            "float",
            "seconds from being asked for to the start of the last attempt, earlier attempts and rests among them; "
            "0 where the two hosts' clocks disagree; null: not reported",
        ),
        Column("seconds", "float", "seconds that the last attempt took, by its worker's clock; null: not reported"),
        Column("input_bytes", "int", "bytes of what it read"),
        Column("output_bytes", "int", "bytes of what it made; null: it is not done"),
        Column("compression_ratio", "float", "output_bytes / input_bytes, below 1 is smaller; null: it is not done"),
        Column("simulated", "flag", "always false: own footage is real in either world"),
    ),
)


_SUMMARY = (
    Column("starts_on", "day", "first day of the period (weeks begin on Monday)"),
    Column("ends_on", "day", "last day of the period"),
    Column("channel", "text", "channel"),
    Column("made", "int", "contents that were made for days of the period and reached a review"),
    Column("approved", "int", "of those, whose newest decision is an approval"),
    Column("rejected", "int", "of those, whose newest decision is a rejection"),
    Column("expired", "int", "reviews that ran out of time in the period"),
    Column("failed", "int", "contents of the period that are failed"),
    Column("posts", "int", "posts that are out, of contents of the period"),
    Column("posts_refused", "int", "sends of the period that a platform refused"),
    Column("posts_unknown", "int", "sends of the period whose outcome is not known: they may be out"),
    Column("approval_rate", "float", "approved / (approved + rejected); null: nothing was decided"),
    Column("hours_to_decision", "float", "median over the decisions of the period; null: none"),
    *(
        Column(f"{name}_gained", "int", f"{name} gained by all posts in the period; null: nothing was measured")
        for name in GAINED
    ),
    Column("engagement_rate", "float", "likes + comments + shares + saves per view gained; null: no views"),
    Column("spent_usd", "usd", "spent or held in the period"),
    Column("unknown_usd", "usd", "the part of it whose outcome is not known"),
    Column("usd_per_1000_views", "float", "spent_usd per 1,000 views gained in the period; null: no views"),
    Column("days_measured", "int", "days on which at least one post was measured"),
    Column("days_missing", "int", "days on which at least one platform was not measured at all"),
    Column("missing", "text", "those days with their reasons; null: none"),
    Column("slowest_layer", "text", "the layer with the slowest median; null: nothing has ended"),
    Column("slowest_s", "float", "that median, in seconds; null: nothing has ended"),
    Column("simulated", "flag", "true for everything of the sandbox world, which is never added to what is real"),
)
_SUMMARY_KEY = ("starts_on", "channel", "simulated")
SUMMARY_WEEKLY = Mart("summary/weekly", "week", "one week, channel and world", _SUMMARY_KEY, _SUMMARY)
SUMMARY_MONTHLY = Mart("summary/monthly", "month", "one month, channel and world", _SUMMARY_KEY, _SUMMARY)


EXPERIMENT_RESULTS = Mart(
    "experiments/results",
    "always",
    "one experiment of one channel and world, age, and pair of variants",
    ("channel", "experiment", "age", "variant_a", "variant_b", "simulated"),
    (
        Column("channel", "text", "channel"),
        Column("experiment", "text", "the experiment's name in the channel's file"),
        Column("age", "text", "age at which views are compared: 24h, 7d or 30d"),
        Column("variant_a", "text", "the one compared against"),
        Column("variant_b", "text", "the one compared"),
        Column("n_a", "int", "contents of A with views at that age"),
        Column("n_b", "int", "contents of B with views at that age"),
        Column("views_a", "float", "median views of A; null: none"),
        Column("views_b", "float", "median views of B; null: none"),
        Column("ratio", "float", "geometric mean of B over that of A; null: not enough data"),
        Column("ratio_low", "float", "lower end of its 95 % interval (of all pairs together); null: not enough data"),
        Column("ratio_high", "float", "upper end of its 95 % interval (of all pairs together); null: not enough data"),
        Column("effect_size", "float", "Hedges' g of log views; null: not enough data"),
        Column("verdict", "text", "`B beats A`, `A beats B` (by name), `no difference seen`, `not enough data`"),
        Column("simulated", "flag", "true for everything of the sandbox world, never compared with what is real"),
    ),
)


MARTS: Mapping[str, Mart] = {
    mart.name: mart
    for mart in (
        ENGAGEMENT_DAILY,
        ENGAGEMENT_COHORTS,
        CONTENT_PERFORMANCE,
        FINANCE_SPEND,
        FINANCE_PROJECTION,
        REVIEW_OUTCOMES,
        FACTORY_HEALTH,
        LIBRARY_THROUGHPUT,
        SUMMARY_WEEKLY,
        SUMMARY_MONTHLY,
        EXPERIMENT_RESULTS,
    )
}
