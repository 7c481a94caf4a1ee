"""`finance/spend` and `finance/projection`: what was spent, what is held, and where the month is heading."""

import calendar
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import pandas as pd

from dayreel.services.marts.shapes import money, total
from dayreel.services.marts.tables import FINANCE_SPEND

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
    return pd.DataFrame(rows, columns=[column.name for column in FINANCE_SPEND.columns])


def build_projection(
    day: date, spent: pd.DataFrame, *, worlds: Iterable[str], caps_usd: Mapping[str, Decimal]
) -> pd.DataFrame:
    """Return where the month is heading as of one day, in each world in which something was made or spent.

    Args:
        spent: the effects from the first of the month to `day`.
        worlds: those that have a row even if nothing was spent in them.
        caps_usd: `day` and `month`.
    """
    worlds_shown = sorted({*worlds, *spent["world"]})
    return pd.DataFrame([_projected(day, spent[spent["world"] == world], world, caps_usd) for world in worlds_shown])


def _projected(day: date, counted: pd.DataFrame, world: str, caps_usd: Mapping[str, Decimal]) -> dict[str, object]:
    days = calendar.monthrange(day.year, day.month)[1]
    so_far = _counted(counted)
    projected = money(so_far * days / day.day) or Decimal(0)
    return {
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


def _counted(spent: pd.DataFrame) -> Decimal:
    settled = spent["settled_usd"]
    return total(settled.where(settled.notna(), spent["reserved_usd"]))
