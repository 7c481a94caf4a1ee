"""`summary/weekly` and `summary/monthly`: one row per channel, world and period, from the daily marts.

What is simulated is never added to what is real: a project that went live keeps what it made in the sandbox world.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd

from dayreel.services.marts.engagement_daily import NO_ANSWER
from dayreel.services.marts.factory_health import EVERY_CHANNEL
from dayreel.services.marts.shapes import total
from dayreel.services.marts.tables import GAINED, SUMMARY_WEEKLY

PARTS = ("content/performance", "engagement/daily", "finance/spend", "review/outcomes", "factory/health")


def build(first: date, last: date, parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per channel and world that appears in any of the period's daily marts (`PARTS`)."""
    groups = {
        (str(channel), bool(simulated))
        for name in PARTS
        for channel, simulated in zip(parts[name]["channel"], parts[name]["simulated"], strict=True)
        if channel != EVERY_CHANNEL and not pd.isna(simulated)  # a file of an older shape does not say
    }
    rows = [_row(first, last, group, {name: _of(parts[name], group) for name in PARTS}) for group in sorted(groups)]
    return pd.DataFrame(rows, columns=[column.name for column in SUMMARY_WEEKLY.columns])


def _of(frame: pd.DataFrame, whose: tuple[str, bool]) -> pd.DataFrame:
    channel, simulated = whose
    return frame[(frame["channel"] == channel) & (frame["simulated"] == simulated)]


def _row(first: date, last: date, whose: tuple[str, bool], parts: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    contents, daily, spend, outcomes, health = (parts[name] for name in PARTS)
    views = _gained(daily, "views")
    reactions = sum(_gained(daily, name) or 0 for name in GAINED[1:])
    spent = total(spend["spent_usd"])
    return {
        "starts_on": first,
        "ends_on": last,
        "channel": whose[0],
        **_made(contents, outcomes),
        **_sent(health),
        **{f"{name}_gained": _gained(daily, name) for name in GAINED},
        "engagement_rate": reactions / views if views else None,
        "spent_usd": spent,
        "unknown_usd": total(spend["unknown_usd"]),
        "usd_per_1000_views": _per_thousand(spent, views),
        **_measured(daily),
        **_slowest(health),
        "simulated": whose[1],
    }


def _made(contents: pd.DataFrame, outcomes: pd.DataFrame) -> dict[str, Any]:
    verdicts = contents["verdict"].value_counts()
    approved, rejected = int(verdicts.get("approved", 0)), int(verdicts.get("rejected", 0))
    waited = outcomes[outcomes["verdict"] != "expired"]["hours_to_decision"].dropna().astype(float)
    reviewed = contents["state"].isin(["review_pending", "approved", "publishing", "posted", "rejected", "expired"])
    return {
        "made": int(reviewed.sum()),
        "approved": approved,
        "rejected": rejected,
        "expired": int((outcomes["verdict"] == "expired").sum()),
        "failed": int((contents["state"] == "failed").sum()),
        "posts": int(contents["platforms"].sum()),
        "approval_rate": approved / (approved + rejected) if approved + rejected else None,
        "hours_to_decision": float(waited.median()) if len(waited) else None,
    }


def _sent(health: pd.DataFrame) -> dict[str, int]:
    sends = health[health["layer"] == "distribution"]
    return {"posts_refused": int(sends["failed"].sum()), "posts_unknown": int(sends["unknown"].sum())}


def _gained(daily: pd.DataFrame, name: str) -> int | None:
    gained = daily[f"{name}_gained"].dropna()
    return int(gained.sum()) if len(gained) else None


def _per_thousand(spent: Decimal, views: int | None) -> float | None:
    return round(float(spent) * 1000 / views, 6) if views else None


def _measured(daily: pd.DataFrame) -> dict[str, Any]:
    gaps = daily[(daily["status"] == "missing") & (daily["reason"] != NO_ANSWER)]
    reason_of = gaps.groupby("day")["reason"].agg(lambda reasons: "; ".join(sorted(set(reasons))))
    return {
        "days_measured": int(daily[daily["status"] == "measured"]["day"].nunique()),
        "days_missing": len(reason_of),
        "missing": " | ".join(f"{day}: {why}" for day, why in reason_of.items()) or None,
    }


def _slowest(health: pd.DataFrame) -> dict[str, Any]:
    ended = health[health["seconds_median"].notna()]
    if ended.empty:
        return {"slowest_layer": None, "slowest_s": None}
    medians = ended["seconds_median"].astype(float).groupby(ended["layer"]).median()
    return {"slowest_layer": str(medians.idxmax()), "slowest_s": float(medians.max())}
