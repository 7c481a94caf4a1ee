"""Telling people before a cap stops the work: at 80 % of a calendar day's or month's money, and when it is used up."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from dayreel.clock import local_day
from dayreel.providers.notifiers.contract import Notifier
from dayreel.queries.config import read_config
from dayreel.queries.rows import ContentRow, get_content
from dayreel.services.effects.spending import spent
from dayreel.services.studio import Studio
from dayreel.services.tell_people import tell_once, was_told
from dayreel.stores.catalog.tables import effects

LEVELS = (100, 80)


@dataclass(frozen=True)
class BudgetAlert:
    """A cap of which so many per cent are used. `row` is the first content that was paid for in that time."""

    row: ContentRow
    cap: str
    since: date
    level: int
    used_usd: Decimal
    limit_usd: Decimal

    @property
    def subject(self) -> str:
        """What makes it unique: the cap, the day or month, and the level."""
        return f"budget/{self.cap}/{self.since}/{self.level}"


def budget_alerts(studio: Studio, *, target: str) -> list[BudgetAlert]:
    """Return the alerts that were not told yet, the highest level of each cap. Changes nothing.

    Args:
        target: the notifier's name.
    """
    today = local_day(studio.clock.now(), studio.settings.timezone)
    alerts = [_alert(studio, "cap.day_usd", today), _alert(studio, "cap.month_usd", today.replace(day=1))]
    return [one for one in alerts if one and not was_told(studio, one.row, one.subject, target=target)]


def tell_budgets(studio: Studio, *, notifier: Notifier) -> list[str]:
    """Tell every alert once; return a sentence for each."""
    return [
        tell_once(studio, one.row, one.subject, _text(one), notifier=notifier)
        for one in budget_alerts(studio, target=notifier.name)
    ]


def _alert(studio: Studio, cap: str, since: date) -> BudgetAlert | None:
    here = (effects.c.world == studio.settings.world, effects.c.spent_on >= since)
    with studio.catalog.read() as connection:
        limit = Decimal(read_config(connection, cap).value)
        used = spent(connection, *here)
        level = next((level for level in LEVELS if used > 0 and used * 100 >= limit * level), None)
        if level is None:
            return None
        paid = (*here, effects.c.content_id.is_not(None))  # messages about no content count on a day too
        first = connection.execute(select(effects.c.content_id).where(*paid).order_by(effects.c.id).limit(1)).scalar()
        return BudgetAlert(get_content(connection, str(first)), cap, since, level, used, limit)


def _text(alert: BudgetAlert) -> str:
    since = f"{alert.since}" if alert.cap == "cap.day_usd" else f"{alert.since:%B %Y}"
    then = "Nothing more is bought until then" if alert.level == LEVELS[0] else "What would exceed it is refused"
    return (
        f"${alert.used_usd:.2f} of {alert.cap} = ${alert.limit_usd} is used ({since}). {then}; "
        f"`dayreel config set {alert.cap} AMOUNT` changes it."
    )
