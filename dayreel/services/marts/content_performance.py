"""`content/performance`: one row per content, from its idea to what it brought, at equal ages."""

import pandas as pd

from dayreel.services.marts.engagement_cohorts import at_marks
from dayreel.services.marts.engagement_daily import newest_per_post
from dayreel.services.marts.shapes import looked_up, money, total
from dayreel.services.marts.tables import LAYERS, MARKS_H

_REACTIONS = ("likes", "comments", "shares", "saves")


def build(
    *,
    contents: pd.DataFrame,
    made: pd.DataFrame,
    spent: pd.DataFrame,
    verdicts: pd.DataFrame,
    posts: pd.DataFrame,
    snapshots: pd.DataFrame,
) -> pd.DataFrame:
    """Return the mart of the contents given, from frames as `frames` reads them."""
    rows = contents.merge(made, on="content_id", how="left").merge(
        verdicts[["content_id", "verdict", "decided_by", "reason"]], on="content_id", how="left"
    )
    rows = _texts(rows, ("hook", "idea_model", "prompt_model", "video_model", "experiment", "variant"))
    rows = _texts(rows, ("verdict", "decided_by", "reason"))
    _add_costs(rows, spent)
    first_posted_at = posts.groupby("content_id")["posted_at"].min()
    rows["first_posted_at"] = looked_up(rows["content_id"], first_posted_at, "moment")
    add_views_at_ages(rows, posts, snapshots)
    _add_latest(rows, snapshots)
    rows["usd_per_1000_views_7d"] = [
        None if pd.isna(views) or not views else round(float(usd) * 1000 / int(views), 6)
        for usd, views in zip(rows["cost_usd"], rows["views_7d"], strict=True)
    ]
    rows["usd_per_1000_views_7d"] = rows["usd_per_1000_views_7d"].astype("Float64")
    rows["simulated"] = rows["world"] == "sandbox"
    return rows


def _texts(rows: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    return rows.assign(**{name: rows[name].astype(object).where(rows[name].notna(), None) for name in names})


def _add_costs(rows: pd.DataFrame, spent: pd.DataFrame) -> None:
    counted = spent.assign(
        usd=[
            reserved if settled is None else settled
            for reserved, settled in zip(spent["reserved_usd"], spent["settled_usd"], strict=True)
        ]
    )
    for layer in LAYERS:
        of_layer = counted[counted["layer"] == layer]
        rows[f"cost_{layer}_usd"] = _sum_per_content(rows, of_layer)
    rows["cost_usd"] = _sum_per_content(rows, counted)
    rows["unknown_usd"] = _sum_per_content(rows, counted[counted["state"] == "unknown"])


def _sum_per_content(rows: pd.DataFrame, counted: pd.DataFrame) -> pd.Series:
    sums = {content_id: total(group["usd"]) for content_id, group in counted.groupby("content_id")}
    nothing = money(total(pd.Series([], dtype=object)))
    return pd.Series(
        [sums.get(content_id, nothing) for content_id in rows["content_id"]], index=rows.index, dtype=object
    )


def add_views_at_ages(rows: pd.DataFrame, posts: pd.DataFrame, snapshots: pd.DataFrame) -> None:
    """Add `platforms`, `views_<age>` and `reactions_7d` to contents, from their posts and all their snapshots."""
    platforms = posts.groupby("content_id")["platform"].nunique()
    rows["platforms"] = looked_up(rows["content_id"], platforms, "int").fillna(0)
    marks = at_marks(posts, snapshots)
    for age in MARKS_H:
        of_age = marks[(marks["age"] == age) & marks["views"].notna()]
        grouped = of_age.groupby("content_id")
        complete = looked_up(rows["content_id"], grouped["platform"].nunique(), "int") == rows["platforms"]
        known = complete.fillna(value=False)
        rows[f"views_{age}"] = looked_up(rows["content_id"], grouped["views"].sum(), "int").where(known)
    week = marks[(marks["age"] == "7d") & marks["views"].notna()]
    reactions = week[list(_REACTIONS)].sum(axis=1).groupby(week["content_id"]).sum()
    summed = looked_up(rows["content_id"], reactions, "float").round().astype("Int64")
    rows["reactions_7d"] = summed.where(rows["views_7d"].notna())


def _add_latest(rows: pd.DataFrame, snapshots: pd.DataFrame) -> None:
    latest = newest_per_post(snapshots)
    measured = latest[latest["views"].notna()].groupby("content_id")
    rows["views_latest"] = looked_up(rows["content_id"], measured["views"].sum(), "int")
    rows["latest_age_h"] = looked_up(rows["content_id"], measured["age_h"].min(), "float")
