"""`factory/health`: how the factory itself did: successes, seconds and errors per stage, provider and platform."""

from datetime import date
from statistics import median

import pandas as pd

from dayreel.services.marts.tables import FACTORY_HEALTH

EVERY_CHANNEL = "*"
_KEY = ["channel", "layer", "provider", "simulated"]


def build(day: date, work: pd.DataFrame) -> pd.DataFrame:
    """Return the mart of one day, from everything that was started on it."""
    named = work.assign(channel=work["channel"].fillna(EVERY_CHANNEL), provider=work["provider"].fillna("none"))
    rows = [_row(day, dict(zip(_KEY, key, strict=True)), group) for key, group in named.groupby(_KEY)]
    return pd.DataFrame(rows, columns=[column.name for column in FACTORY_HEALTH.columns])


def _row(day: date, key: dict[str, object], group: pd.DataFrame) -> dict[str, object]:
    counts = group["outcome"].value_counts()
    completed, failed, unknown = (int(counts.get(name, 0)) for name in ("completed", "failed", "unknown"))
    ended = completed + failed + unknown
    seconds = [float(value) for value in group["duration_s"].dropna()]
    errors = group[group["outcome"].isin(["failed", "unknown"])].sort_values("at")["error"].dropna()
    return {
        "day": day,
        **key,
        "attempts": len(group),
        "completed": completed,
        "failed": failed,
        "unknown": unknown,
        "success_rate": completed / ended if ended else None,
        "seconds_median": median(seconds) if seconds else None,
        "seconds_most": max(seconds) if seconds else None,
        "last_error": errors.iloc[-1] if len(errors) else None,
    }
