"""`factory/health`: how the factory itself did: successes, seconds and errors per stage, provider and platform."""

from datetime import date

import pandas as pd

from dayreel.services.marts.shapes import Column, Mart

EVERY_CHANNEL = "*"
_KEY = ["channel", "layer", "provider"]

MART = Mart(
    "factory/health",
    "day",
    "one channel, layer and provider that did something on a day",
    ("day", "channel", "layer", "provider"),
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
    ),
)


def build(day: date, work: pd.DataFrame) -> pd.DataFrame:
    """Return the mart of one day, from everything that was started on it."""
    named = work.assign(channel=work["channel"].fillna(EVERY_CHANNEL), provider=work["provider"].fillna("none"))
    rows = [_row(day, dict(zip(_KEY, map(str, key), strict=True)), group) for key, group in named.groupby(_KEY)]
    return pd.DataFrame(rows, columns=[column.name for column in MART.columns])


def _row(day: date, key: dict[str, str], group: pd.DataFrame) -> dict[str, object]:
    counts = group["outcome"].value_counts()
    completed, failed, unknown = (int(counts.get(name, 0)) for name in ("completed", "failed", "unknown"))
    ended = completed + failed + unknown
    seconds = group["duration_s"].dropna().astype(float)
    errors = group[group["outcome"].isin(["failed", "unknown"])].sort_values("at")["error"].dropna()
    return {
        "day": day,
        **key,
        "attempts": len(group),
        "completed": completed,
        "failed": failed,
        "unknown": unknown,
        "success_rate": completed / ended if ended else None,
        "seconds_median": float(seconds.median()) if len(seconds) else None,
        "seconds_most": float(seconds.max()) if len(seconds) else None,
        "last_error": errors.iloc[-1] if len(errors) else None,
    }
