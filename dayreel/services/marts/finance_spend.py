"""`finance/spend` and `finance/projection`: what was spent, what is held, and where the month is heading."""

import calendar
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pandas as pd

from dayreel.services.marts.shapes import Column, Mart, money, total

SPEND = Mart(
    "finance/spend",
    "day",
    "one day, world, channel, provider and layer on which money was spent or held; no row: nothing",
    ("day", "world", "channel", "provider", "layer"),
    (
        Column("day", "day", "day on which the money counts, in DAYREEL_TIMEZONE"),
        Column("world", "text", "`sandbox` (no real money) or `live`"),
        Column("channel", "text", "channel"),
        Column("provider", "text", "who is paid"),
        Column("layer", "text", "what for: idea, prompt, voice, video"),
        Column("purchases", "int", "acts that were paid, or hold money"),
        Column("settled_usd", "usd", "paid"),
        Column("reserved_usd", "usd", "held for requests that are still running"),
        Column("unknown_usd", "usd", "held for requests whose outcome is not known"),
        Column("spent_usd", "usd", "the three together: what counts against the caps"),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)
PROJECTION = Mart(
    "finance/projection",
    "day",
    "one day and world",
    ("day", "world"),
    (
        Column("day", "day", "the day, in DAYREEL_TIMEZONE"),
        Column("world", "text", "`sandbox` (no real money) or `live`"),
        Column("spent_usd", "usd", "spent or held on this day"),
        Column("cap_day_usd", "usd", "the cap of one day, as it was set when this was worked out"),
        Column("month_to_date_usd", "usd", "spent or held from the first of the month to this day"),
        Column("projected_month_usd", "usd", "month to date x days of the month / days so far"),
        Column("cap_month_usd", "usd", "the cap of one month, as it was set when this was worked out"),
        Column("is_over", "flag", "whether the projection is above the cap of the month"),
        Column("simulated", "flag", "true for everything of the sandbox world"),
    ),
)
_KEY = ["world", "channel", "provider", "layer"]


def build_spend(day: date, spent: pd.DataFrame) -> pd.DataFrame:
    """Return the spending of one day, from the effects of that day."""
    rows = []
    for key, group in spent.groupby(_KEY):
        settled = total(group["settled_usd"])
        open_usd = group[group["settled_usd"].isna()]
        unknown = total(open_usd[open_usd["state"] == "unknown"]["reserved_usd"])
        reserved = total(open_usd[open_usd["state"] != "unknown"]["reserved_usd"])
        rows.append(
            {
                **dict(zip(_KEY, key, strict=True)),
                "day": day,
                "purchases": len(group),
                "settled_usd": settled,
                "reserved_usd": reserved,
                "unknown_usd": unknown,
                "spent_usd": settled + reserved + unknown,
                "simulated": key[0] == "sandbox",
            }
        )
    return pd.DataFrame(rows, columns=[column.name for column in SPEND.columns])


def build_projection(day: date, spent: pd.DataFrame, *, world: str, caps_usd: Mapping[str, Decimal]) -> pd.DataFrame:
    """Return where the month is heading as of one day.

    Args:
        spent: the effects from the first of the month to `day`.
        caps_usd: `day` and `month`.
    """
    days = calendar.monthrange(day.year, day.month)[1]
    counted = spent[spent["world"] == world]
    so_far = _counted(counted)
    projected = money(so_far * days / day.day) or Decimal(0)
    row = {
        "day": day,
        "world": world,
        "spent_usd": _counted(counted[counted["spent_on"] == day]),
        "cap_day_usd": caps_usd["day"],
        "month_to_date_usd": so_far,
        "projected_month_usd": projected,
        "cap_month_usd": caps_usd["month"],
        "is_over": projected > caps_usd["month"],
        "simulated": world == "sandbox",
    }
    return pd.DataFrame([row])


def _counted(spent: pd.DataFrame) -> Decimal:
    settled = spent["settled_usd"]
    return total(settled.where(settled.notna(), spent["reserved_usd"]))
