"""`content/performance`: one row per content, from its idea to what it brought, at equal ages."""

import pandas as pd

from dayreel.services.marts.engagement_cohorts import MARKS_H, at_marks
from dayreel.services.marts.engagement_daily import newest_per_post
from dayreel.services.marts.shapes import Column, Mart, looked_up, money, total

LAYERS = ("idea", "prompt", "voice", "video")
_REACTIONS = ("likes", "comments", "shares", "saves")

MART = Mart(
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
        Column("reactions_7d", "int", "likes + comments + shares + saves at 7d, of those told; null: views not known"),
        Column("views_latest", "int", "newest totals together, at whatever age; null: never measured"),
        Column("latest_age_h", "float", "age of the youngest of them; null: never measured"),
        Column("usd_per_1000_views_7d", "float", "cost_usd per 1,000 views at 7 days; null: no such views"),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)


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
    out = posts.groupby("content_id")
    rows["platforms"] = looked_up(rows["content_id"], out["platform"].nunique(), "int").fillna(0)
    rows["first_posted_at"] = looked_up(rows["content_id"], out["posted_at"].min(), "moment")
    _add_marks(rows, at_marks(posts, snapshots))
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
    return pd.Series([sums.get(one, nothing) for one in rows["content_id"]], index=rows.index, dtype=object)


def _add_marks(rows: pd.DataFrame, marks: pd.DataFrame) -> None:
    for age in MARKS_H:
        of_age = marks[(marks["age"] == age) & marks["views"].notna()]
        grouped = of_age.groupby("content_id")
        complete = looked_up(rows["content_id"], grouped["platform"].nunique(), "int") == rows["platforms"]
        known = complete.fillna(value=False)
        rows[f"views_{age}"] = looked_up(rows["content_id"], grouped["views"].sum(), "int").where(known)
    week = marks[(marks["age"] == "7d") & marks["views"].notna()]
    reactions = week[list(_REACTIONS)].sum(axis=1).groupby(week["content_id"]).sum()
    told = looked_up(rows["content_id"], reactions, "float").round().astype("Int64")
    rows["reactions_7d"] = told.where(rows["views_7d"].notna())


def _add_latest(rows: pd.DataFrame, snapshots: pd.DataFrame) -> None:
    latest = newest_per_post(snapshots)
    told = latest[latest["views"].notna()].groupby("content_id")
    rows["views_latest"] = looked_up(rows["content_id"], told["views"].sum(), "int")
    rows["latest_age_h"] = looked_up(rows["content_id"], told["age_h"].min(), "float")
