"""`engagement/daily`: what each post gained on a day, with gaps as rows and falling counters marked.

Platforms report totals. A day's gain is the last total of the day minus the last one before it; a total that fell is
no negative gain but `taken_back`, so that `total = sum(gained) - sum(taken_back)` holds whatever a platform does.
"""

from datetime import date

import pandas as pd

from dayreel.services.marts.shapes import looked_up
from dayreel.services.marts.tables import COUNTERS

NOT_RUN = "nothing was measured on this day"
NO_ANSWER = "the platform did not answer for this post: deleted, private, or not public yet"


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
    """Return which posts should have been measured: those that were out when their platform was asked on this day."""
    asked = looked_up(rows["platform"], snapshots.groupby("platform")["observed_at"].max(), "moment")
    out_before = rows["posted_at"] <= asked
    earlier_day = asked.isna() & (rows["posted_on"] < day)
    return rows["observed_at"].notna() | out_before | earlier_day


def _reasons(rows: pd.DataFrame, measured: pd.Series, snapshots: pd.DataFrame, failures: pd.DataFrame) -> pd.Series:
    reason_of = dict(zip(failures["platform"], failures["error"], strict=True))
    asked = set(snapshots["platform"])

    def why(platform: str) -> str:
        if platform in asked:
            return NO_ANSWER
        if platform in reason_of:
            return str(reason_of[platform])
        return f"no {platform} post was measured on this day" if asked else NOT_RUN

    reasons = [None if done else why(name) for name, done in zip(rows["platform"], measured, strict=True)]
    return pd.Series(reasons, index=rows.index, dtype=object)
