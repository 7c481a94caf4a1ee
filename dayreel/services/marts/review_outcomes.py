"""`review/outcomes`: every decision of a day and every review that ran out of time, with how long it took and why."""

from datetime import date

import pandas as pd


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
        # An edit moves its content back to review at the very moment of the decision: that is not a request it answers.
        allow_exact_matches=False,
    )
    rows["day"] = day
    rows["hours_to_decision"] = (rows["decided_at"] - rows["requested_at"]).dt.total_seconds().round(1) / 3600
    rows["simulated"] = rows["world"] == "sandbox"
    return rows
