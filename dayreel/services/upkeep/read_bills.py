"""Reading what vendors bill, once a day; `queries.bills` compares it with what is booked.

Vendors settle late, so that the last days are read again each time and replace what was read before. A vendor that
cannot be read costs nothing but itself: what is known of it stays, and the reason goes to `processing_logs`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from sqlalchemy import delete, insert, select

from dayreel.errors import ConfigurationError, ProviderError
from dayreel.queries.bills import LAYER, READ_DAYS, read_until, reporting_vendors, utc_today
from dayreel.rules.pricing import usd
from dayreel.services.project import Project
from dayreel.services.retry_transient import retry_transient
from dayreel.stores.catalog.tables import bills, effects, processing_logs
from dayreel.vendors.record import Billed, Vendor

READ_AT: Final = time(2, tzinfo=UTC)
"""From then on yesterday's bill is read: two hours after the day is over for the vendors."""


def due_since(project: Project) -> datetime:
    """Return when today's reading becomes due."""
    return datetime.combine(utc_today(project), READ_AT)


def due_bills(project: Project) -> list[Vendor]:
    """Return the vendors whose bill was not read today. Reads the catalog and nothing else."""
    if not _days(project):
        return []
    since = due_since(project)
    with project.catalog.read() as connection:
        read = read_until(connection, project.settings.world)
    vendors = reporting_vendors(project.settings)
    return [vendor for vendor in vendors if vendor.name not in read or read[vendor.name][1] < since]


def read_bills(project: Project) -> list[str]:
    """Read every bill that is due; return a sentence for each vendor."""
    return [_read(project, vendor, _days(project)) for vendor in due_bills(project)]


def _days(project: Project) -> list[date]:
    """Return the days to read: the last ones, from the first purchase on; none before today's reading is due."""
    today = utc_today(project)
    spent = (effects.c.world == project.settings.world, effects.c.spent_on.is_not(None))
    query = select(effects.c.sent_at).where(*spent).order_by(effects.c.spent_on, effects.c.sent_at).limit(1)
    with project.catalog.read() as connection:
        first = connection.execute(query).scalar()
    if first is None or project.clock.now() < due_since(project):
        return []
    days = [today - timedelta(days=number) for number in range(READ_DAYS, 0, -1)]
    return [day for day in days if day >= first.date()]


def _read(project: Project, vendor: Vendor, days: Sequence[date]) -> str:
    assert vendor.bill is not None  # noqa: S101  `reporting_vendors` names no other
    started_at = project.clock.now()
    try:
        lines = retry_transient(project.clock, partial(vendor.bill.read, project.access, days[0], days[-1]))
    except (ProviderError, ConfigurationError) as error:
        why = f"{error.message} {error.next_step}".strip()
        _log(project, vendor.name, started_at, error=why)
        return f"The bill of {vendor.label} could not be read, and what was read before stays: {why}"
    _replace(project, vendor.name, days, lines)
    _log(project, vendor.name, started_at)
    total = sum((line.usd for line in lines), Decimal(0))
    return f"{vendor.label} bills {usd(total)} for {days[0]} to {days[-1]} (UTC)."


def _log(project: Project, vendor: str, started_at: datetime, *, error: str | None = None) -> None:
    """Write down how a reading ended."""
    with project.catalog.write() as connection:
        connection.execute(
            insert(processing_logs).values(
                layer=LAYER,
                status="completed" if error is None else "failed",
                started_at=started_at,
                completed_at=project.clock.now(),
                error_message=error,
                metadata={"provider": vendor, "world": project.settings.world},
                run_id=project.run_id,
            )
        )


def _replace(project: Project, vendor: str, days: Sequence[date], lines: Sequence[Billed]) -> None:
    """Keep these days as they were just read, whole or not at all."""
    read_at, world = project.clock.now(), project.settings.world
    by_day: dict[date, dict[str, Decimal]] = {day: {} for day in days}
    for line in lines:
        if line.day in by_day:
            models = by_day[line.day]
            models[line.model] = models.get(line.model, Decimal(0)) + line.usd
    rows = [
        {
            "world": world,
            "vendor": vendor,
            "day": day,
            "usd_by_model": {model: str(amount) for model, amount in models.items()},
            "read_at": read_at,
        }
        for day, models in by_day.items()
    ]
    with project.catalog.write("bills") as connection:
        connection.execute(delete(bills).where(bills.c.world == world, bills.c.vendor == vendor, bills.c.day.in_(days)))
        connection.execute(insert(bills), rows)
