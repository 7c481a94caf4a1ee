"""`engagement/daily`: what each post gained on a day, with gaps as rows and counters that fall told apart.

Platforms report totals. A day's gain is the last total of the day minus the last one before it; a total that fell is
no negative gain but `taken_back`, so that `total = sum(gained) - sum(taken_back)` holds whatever a platform does.
"""

from datetime import date

import pandas as pd

from dayreel.services.marts.shapes import Column, Kind, Mart, looked_up

COUNTERS = ("views", "reach", "likes", "comments", "shares", "saves", "watch_time_s")
NOT_RUN = "nothing was measured on this day"
NO_ANSWER = "the platform did not answer for this post: deleted, private, or not public yet"


def _counter_columns() -> tuple[Column, ...]:
    made: list[Column] = []
    for name in COUNTERS:
        kind: Kind = "float" if name == "watch_time_s" else "int"
        unit = "seconds watched" if name == "watch_time_s" else name
        made += [
            Column(name, kind, f"{unit} in total, as told; null: not told"),
            Column(f"{name}_gained", kind, f"{unit} gained since `since_at`, never negative; null: not known"),
            Column(f"{name}_taken_back", kind, f"{unit} by which the total fell since then; null: not known"),
        ]
    return tuple(made)


MART = Mart(
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


def build(
    day: date,
    *,
    posts: pd.DataFrame,
    snapshots: pd.DataFrame,
    earlier: pd.DataFrame,
    failures: pd.DataFrame,
) -> pd.DataFrame:
    """Return the mart of one day.

    Args:
        posts: the posts of the window, see `frames.posts_in_window`.
        snapshots: every snapshot of `day`, in any order, duplicates and late arrivals included.
        earlier: the last snapshot before `day` of each post, where there is one.
        failures: platforms that could not be asked on `day` (`platform`, `error`).
    """
    latest = newest_per_post(snapshots)
    pulls = snapshots.groupby("post_row_id")["observed_at"].nunique().rename("pulls").reset_index()
    rows = posts.merge(latest[["post_row_id", "observed_at", "age_h", *COUNTERS]], on="post_row_id", how="left")
    rows = rows.merge(pulls, on="post_row_id", how="left")
    before = newest_per_post(earlier)[["post_row_id", "observed_at", *COUNTERS]]
    rows = rows.merge(before, on="post_row_id", how="left", suffixes=("", "_before"))
    rows = rows[_expected(rows, snapshots, day)].copy()
    measured = rows["observed_at"].notna()
    rows["day"] = day
    rows["status"] = measured.map({True: "measured", False: "missing"}).astype(object)
    rows["reason"] = _reasons(rows, measured, snapshots, failures)
    rows["pulls"] = rows["pulls"].astype("Int64").fillna(0)
    rows["since_at"] = rows["observed_at_before"].fillna(rows["posted_at"]).where(measured)
    rows["hours_covered"] = (rows["observed_at"] - rows["since_at"]).dt.total_seconds().round(1) / 3600
    for name in COUNTERS:
        _change(rows, name)
    return rows


def newest_per_post(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return each post's newest snapshot by when it was observed, not by when it arrived."""
    ordered = snapshots.sort_values(["post_row_id", "observed_at", "id"], kind="stable")
    return ordered.drop_duplicates("post_row_id", keep="last")


def _change(rows: pd.DataFrame, name: str) -> None:
    first = rows["observed_at_before"].isna()
    base = rows[f"{name}_before"].mask(first, 0)
    change = rows[name] - base
    rows[f"{name}_gained"] = change.clip(lower=0)
    rows[f"{name}_taken_back"] = (-change).clip(lower=0)


def _expected(rows: pd.DataFrame, snapshots: pd.DataFrame, day: date) -> pd.Series:
    """Tell which posts should have been measured: those that were out when their platform was asked on this day."""
    asked = looked_up(rows["platform"], snapshots.groupby("platform")["observed_at"].max(), "moment")
    out_before = rows["posted_at"] <= asked
    earlier_day = asked.isna() & (rows["posted_on"] < day)
    return rows["observed_at"].notna() | out_before | earlier_day


def _reasons(rows: pd.DataFrame, measured: pd.Series, snapshots: pd.DataFrame, failures: pd.DataFrame) -> pd.Series:
    said = dict(zip(failures["platform"], failures["error"], strict=True))
    asked = set(snapshots["platform"])

    def why(platform: str) -> str:
        if platform in asked:
            return NO_ANSWER
        if platform in said:
            return str(said[platform])
        return f"no {platform} post was measured on this day" if asked else NOT_RUN

    reasons = [None if done else why(name) for name, done in zip(rows["platform"], measured, strict=True)]
    return pd.Series(reasons, index=rows.index, dtype=object)
