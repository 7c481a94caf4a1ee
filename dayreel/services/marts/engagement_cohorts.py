"""`engagement/cohorts`: every post's counters at the same ages, so that posts of different days compare fairly.

A row appears on the observation day on which a post was first seen at or past a mark. The value is interpolated
between the snapshots around the mark; when those lie too far apart it is not guessed: `method` is `gap` and it is null.
"""

from collections.abc import Mapping
from datetime import date

import pandas as pd

from dayreel.services.marts.tables import COUNTERS, MARKS_H

MOST_APART_H: Mapping[str, float] = {"1h": 2.0, "24h": 36.0, "7d": 72.0, "30d": 96.0}
_CLOSE = 0.01


def build(day: date, *, posts: pd.DataFrame, snapshots: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """Return the mart of one observation day; arguments as in `engagement_daily.build`."""
    rows = at_marks(posts, pd.concat([earlier, snapshots], ignore_index=True))
    rows = rows[rows["observed_on"] == day].copy()
    rows["day"] = day
    return rows


def at_marks(posts: pd.DataFrame, snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return one row per post and mark that the snapshots reach, with the counters at that age.

    The moment of posting counts as a snapshot of zeros.
    """
    known = snapshots[snapshots["post_row_id"].isin(posts["post_row_id"])]
    columns = ["post_row_id", "id", "observed_on", "age_h", *COUNTERS]
    points = pd.concat([_births(posts, known[columns]), known[columns]], ignore_index=True)
    points = points.sort_values(["post_row_id", "age_h", "id"], kind="stable")
    points = points.drop_duplicates(["post_row_id", "age_h"], keep="last")
    before = points.groupby("post_row_id")[["age_h", *COUNTERS]].shift(1)
    points = points.join(before.add_suffix("_before"))
    passed = [
        points[(points["age_h"] >= mark_h) & (points["age_h_before"] < mark_h)].assign(age=age, mark_h=mark_h)
        for age, mark_h in MARKS_H.items()
    ]
    rows = _moved_to_mark(pd.concat(passed, ignore_index=True))
    facts = posts[["post_row_id", "channel", "content_id", "platform", "simulated"]]
    return rows.merge(facts, on="post_row_id", how="left")


def _births(posts: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    births = pd.DataFrame({"post_row_id": posts["post_row_id"], "id": 0, "observed_on": None, "age_h": 0.0})
    for name in COUNTERS:
        births[name] = 0
    return births.astype({name: like[name].dtype for name in births.columns})


def _moved_to_mark(passed: pd.DataFrame) -> pd.DataFrame:
    """Return the points that are the first at or past their mark, with their counters moved back to it."""
    mark_h = passed["mark_h"]
    apart = passed["age_h"] - passed["age_h_before"]
    close = (passed["age_h"] - mark_h).abs() <= mark_h * _CLOSE
    gap = (apart > passed["age"].map(MOST_APART_H).astype("Float64")) & ~close
    share = ((mark_h - passed["age_h_before"]) / apart).mask(close, 1.0)
    for name in COUNTERS:
        base = passed[f"{name}_before"].mask(close, passed[name]).astype("Float64")
        value = (base + (passed[name].astype("Float64") - base) * share).mask(gap)
        passed[name] = value if name == "watch_time_s" else value.round().astype("Int64")
    method = pd.Series("interpolated", index=passed.index, dtype=object)
    passed["method"] = method.mask(close, "observed").mask(gap, "gap")
    return passed.rename(columns={"age_h_before": "before_h", "age_h": "after_h"})
