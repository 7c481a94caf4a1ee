"""`library/throughput`: the jobs of own footage that ended on a day: how long each waited and took, what it saved."""

from datetime import date

import pandas as pd


def build(day: date, ended: pd.DataFrame) -> pd.DataFrame:
    """Return the mart of one day, from the jobs that ended on it."""
    rows = ended.assign(day=day, simulated=False)
    # The controller's clock asks and the worker's starts: hosts may disagree, but nothing starts before it is asked.
    rows["queue_wait_s"] = _seconds(rows["started_at"] - rows["requested_at"]).clip(lower=0)
    rows["seconds"] = _seconds(rows["finished_at"] - rows["started_at"]).clip(lower=0)
    is_done = (rows["outcome"] == "done") & (rows["input_bytes"] > 0)
    ratio = rows["output_bytes"].astype("Float64") / rows["input_bytes"].astype("Float64").where(is_done)
    rows["compression_ratio"] = ratio.round(6)
    return rows


def _seconds(spans: pd.Series) -> pd.Series:
    seconds: pd.Series = spans.dt.total_seconds().round(3).astype("Float64")
    return seconds
