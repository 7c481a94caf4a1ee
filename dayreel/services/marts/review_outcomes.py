"""`review/outcomes`: every decision of a day and every review that ran out of time, with how long it took and why."""

from datetime import date

import pandas as pd

from dayreel.services.marts.shapes import Column, Mart

MART = Mart(
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


def build(day: date, *, decided: pd.DataFrame, requests: pd.DataFrame) -> pd.DataFrame:
    """Return the mart of one day, from its decisions and the moments their reviews were asked for."""
    rows = decided.sort_values("decided_at", kind="stable").reset_index(drop=True)
    asked = requests.sort_values("requested_at", kind="stable")
    rows = pd.merge_asof(
        rows,
        asked.drop_duplicates(),
        left_on="decided_at",
        right_on="requested_at",
        by="content_id",
        # An edit moves its content back to review at the very moment of the decision: that is no request it answers.
        allow_exact_matches=False,
    )
    rows["day"] = day
    rows["hours_to_decision"] = (rows["decided_at"] - rows["requested_at"]).dt.total_seconds().round(1) / 3600
    rows["simulated"] = rows["world"] == "sandbox"
    return rows
