"""Notifying people before a cap stops the work: at 80 % of a calendar day's or month's cap, and when it is used up."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from dayreel.providers.notifiers.contract import Notifier
from dayreel.queries.money import Cap, overall_caps
from dayreel.queries.rows import ContentRow, get_content
from dayreel.services.notify_people import notify_once, was_notified
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import effects

LEVELS = (100, 80)


@dataclass(frozen=True)
class BudgetAlert:
    """A cap of which so many per cent are used. `row` is the first content that was paid for in that time."""

    row: ContentRow
    cap: Cap
    level: int

    @property
    def subject(self) -> str:
        """What makes it unique: the cap, the day or month, and the level."""
        return f"budget/{self.cap.setting}/{self.cap.since}/{self.level}"


def budget_alerts(project: Project, *, targets: Sequence[str]) -> list[BudgetAlert]:
    """Return the alerts that were not sent yet, the highest level of each cap. Changes nothing.

    Args:
        targets: the notifiers' names.
    """
    with project.catalog.read() as connection:
        alerts = [_alert(project, connection, cap) for cap in overall_caps(project, connection)]
    return [alert for alert in alerts if alert and not was_notified(project, alert.row, alert.subject, targets=targets)]


def notify_budgets(project: Project, *, notifiers: Sequence[Notifier]) -> list[str]:
    """Send every alert once; return a sentence for each."""
    return [
        notify_once(project, alert.row, alert.subject, _text(alert), notifiers=notifiers)
        for alert in budget_alerts(project, targets=[notifier.name for notifier in notifiers])
    ]


def _alert(project: Project, connection: Connection, cap: Cap) -> BudgetAlert | None:
    used, limit = cap.used_usd, cap.limit_usd
    level = next((level for level in LEVELS if used > 0 and used * 100 >= limit * level), None)
    if level is None:
        return None
    # Messages about no content count on a day too.
    paid = (
        effects.c.world == project.settings.world,
        effects.c.spent_on >= cap.since,
        effects.c.content_id.is_not(None),
    )
    first = connection.execute(select(effects.c.content_id).where(*paid).order_by(effects.c.id).limit(1)).scalar()
    return BudgetAlert(get_content(connection, str(first)), cap, level)


def _text(alert: BudgetAlert) -> str:
    cap = alert.cap
    since = f"{cap.since}" if cap.setting == "cap.day_usd" else f"{cap.since:%B %Y}"
    then = "Nothing more is bought until then" if alert.level == LEVELS[0] else "What would exceed it is refused"
    return (
        f"${cap.used_usd:.2f} of {cap.setting} = ${cap.limit_usd} is used ({since}). {then}; "
        f"`dayreel config set {cap.setting} AMOUNT` changes it."
    )
