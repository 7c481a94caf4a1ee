"""Is what vendors bill what is booked? By vendor, model and UTC day: booked beside billed, and what differs too much.

Vendors bill by UTC day, and so a purchase counts here on the UTC day on which it was sent: an outcome that is looked up
two days later was billed when it was sent. `finance/spend` and the caps go by `DAYREEL_TIMEZONE`. Reading the bills is
`services.upkeep.read_bills`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, func, select

from dayreel.queries.config import read_config
from dayreel.records import Records
from dayreel.rules.pricing import usd
from dayreel.settings import Settings
from dayreel.stores.catalog.tables import bills, effects, processing_logs
from dayreel.vendors.record import Vendor
from dayreel.vendors.registry import account_of, label_of, vendors, where_to_look

READ_DAYS: Final = 7
"""Vendors settle late: so many days, yesterday the last, are read again every day."""
SETTLED_AFTER: Final = timedelta(days=3)
"""Only a day so old is compared: it and the day after it have been over for a day at least."""
LAYER: Final = "billing"
"""Of the `processing_logs` that say why a bill could not be read."""
_LATE: Final = timedelta(hours=36)
_AROUND_MIDNIGHT: Final = timedelta(hours=1)
"""What was sent so long before midnight may be billed on the next day: a video is billed once it is made."""
_SNAPSHOT: Final = re.compile(r"-(\d{8}|\d{4}-\d\d-\d\d)$")
_ZERO: Final = Decimal(0)


@dataclass(frozen=True)
class BillLine:
    """One vendor and model on one UTC day, in dollars.

    Attributes:
        requests: purchases that are booked or held.
        held_usd: reserved for purchases whose outcome or price is not known yet; the vendor may bill them or not.
        billed_usd: None where the vendor's bill of that day was not read.
        late_usd: of what is booked and held, what was sent so late that the next day's bill may have it.
    """

    world: str
    day: date
    provider: str
    model: str
    requests: int = 0
    booked_usd: Decimal = _ZERO
    held_usd: Decimal = _ZERO
    billed_usd: Decimal | None = None
    late_usd: Decimal = _ZERO

    @property
    def difference_usd(self) -> Decimal | None:
        """What is billed beyond what is booked and held, or, negative, not even for what is booked."""
        if self.billed_usd is None:
            return None
        return min(_ZERO, self.billed_usd - self.booked_usd) or max(
            _ZERO, self.billed_usd - self.booked_usd - self.held_usd
        )

    def __add__(self, other: "BillLine") -> "BillLine":
        """Return both together, under this one's name."""
        billed = [line.billed_usd for line in (self, other) if line.billed_usd is not None]
        return replace(
            self,
            requests=self.requests + other.requests,
            booked_usd=self.booked_usd + other.booked_usd,
            held_usd=self.held_usd + other.held_usd,
            billed_usd=sum(billed, _ZERO) if billed else None,
            late_usd=self.late_usd + other.late_usd,
        )


@dataclass(frozen=True)
class VendorBill:
    """A vendor's last days together; `note` says how far its bill was read, or why it was not."""

    label: str
    total: BillLine
    note: str


def bill_lines(connection: Connection, first: date, last: date) -> list[BillLine]:
    """Return what is booked and billed on these UTC days in every world, by day, world, provider and model.

    A model is billed under the name of its dated snapshot by some: `gpt-6-luna-2026-08-01` is `gpt-6-luna` here.
    """
    lines: dict[tuple[date, str, str, str], BillLine] = {}

    def add(line: BillLine) -> None:
        key = (line.day, line.world, line.provider, _SNAPSHOT.sub("", line.model))
        lines[key] = lines[key] + line if key in lines else line

    # `spent_on` has the index, and is a day of another zone: at most one apart.
    names = ("world", "target", "model", "sent_at", "created_at", "settled_usd", "reserved_usd")
    spending = select(*(effects.c[name] for name in names)).where(
        effects.c.spent_on >= first - timedelta(days=1),
        effects.c.spent_on <= last + timedelta(days=1),
        func.coalesce(effects.c.settled_usd, effects.c.reserved_usd) > 0,
    )
    for row in connection.execute(spending.order_by(effects.c.id)).mappings():
        sent_at = row["sent_at"] or row["created_at"]
        day = sent_at.date()
        if first <= day <= last:
            name = "held_usd" if row["settled_usd"] is None else "booked_usd"
            usd_of_it = row["reserved_usd"] if row["settled_usd"] is None else row["settled_usd"]
            money = {name: usd_of_it}
            if (sent_at + _AROUND_MIDNIGHT).date() != day:
                money["late_usd"] = usd_of_it
            add(BillLine(row["world"], day, account_of(row["target"]), row["model"] or "", 1, **money))
    for row in connection.execute(select(bills).where(bills.c.day >= first, bills.c.day <= last)).mappings():
        whose = (row["world"], row["day"], row["vendor"])
        for model, amount in row["usd_by_model"].items():
            add(BillLine(*whose, model, billed_usd=Decimal(amount)))
        for key, line in lines.items():  # the bill was read, and these models are not on it
            if (line.world, line.day, line.provider) == whose and line.billed_usd is None:
                lines[key] = replace(line, billed_usd=_ZERO)
    return [lines[key] for key in sorted(lines)]


def bill_differences(records: Records) -> list[BillLine]:
    """Return the settled days of vendors, all models together, on which booked and billed differ too much.

    What was sent shortly before midnight may be on either day's bill: a channel that buys then has a day without a bill
    at its beginning, and a bill without a day at its end. The same difference must also be there over the day with both
    its neighbours, as vendors settle late.

    Raises:
        StoreError: the catalog cannot be read.
        UsageError: a setting in the environment cannot be read.
    """
    today = utc_today(records)
    first, last, day = today - timedelta(days=READ_DAYS), today - SETTLED_AFTER, timedelta(days=1)
    with records.catalog.read() as connection:
        lines = bill_lines(connection, first - day, last + day)
        percent, least = (
            Decimal(read_config(connection, f"bill.difference_{unit}").value) for unit in ("percent", "usd")
        )
    totals: dict[tuple[str, date], BillLine] = {}
    late: dict[tuple[str, date], Decimal] = {}
    for line in lines:
        key = (line.provider, line.day)
        if line.world == records.settings.world:
            late[key] = late.get(key, _ZERO) + line.late_usd
        if line.world == records.settings.world and line.billed_usd is not None:
            totals[key] = totals[key] + line if key in totals else line

    def gap(provider: str, of: date, total: BillLine) -> Decimal:
        difference, before = total.difference_usd or _ZERO, late.get((provider, of - day), _ZERO)
        return max(_ZERO, difference - before) if difference > 0 else min(_ZERO, difference + total.late_usd)

    gaps = {key: gap(*key, total) for key, total in totals.items()}

    def is_too_much(provider: str, of: date) -> bool:
        around = sum((gaps.get((provider, of + day * step), _ZERO) for step in (-1, 0, 1)), _ZERO)
        most = max(totals[provider, of].booked_usd * percent / 100, least)
        return min(abs(gaps[provider, of]), abs(around)) > most

    return [total for key, total in sorted(totals.items()) if first <= key[1] <= last and is_too_much(*key)]


def difference_sentence(total: BillLine) -> str:
    """Return what a vendor bills for a day beside what is booked."""
    difference = total.difference_usd or _ZERO
    held = f" and {usd(total.held_usd)} held" if total.held_usd else ""
    more = "more" if difference > 0 else "less"
    return (
        f"{label_of(total.provider)} bills {usd(total.billed_usd or _ZERO)} for {total.day} (UTC), where "
        f"{usd(total.booked_usd)} is booked{held}: {usd(abs(difference))} {more}."
    )


def difference_step(total: BillLine) -> str:
    """Return what to do about it."""
    if (total.difference_usd or _ZERO) < 0:
        return "Compare the prices in models.yaml with the vendor's; it may also still be settling, or have refunded."
    return (
        f"Look for requests that nobody booked ({where_to_look(total.provider)}), and compare the prices in "
        "models.yaml with the vendor's; `dayreel sql` has each model (finance_billed_vs_booked). Of an account that "
        "others use too only one key, workspace or project can be compared: docs/how-to/money.md."
    )


def reporting_vendors(settings: Settings) -> list[Vendor]:
    """Return the vendors whose bills can be read here: they report them, and the admin key is set."""
    is_sandbox = settings.world == "sandbox"
    return [
        vendor
        for vendor in vendors()
        if vendor.bill is not None and (is_sandbox or settings.variable(vendor.bill.key) is not None)
    ]


def read_until(connection: Connection, world: str) -> Mapping[str, tuple[date, datetime]]:
    """Return until which day each vendor's bill was read, and when."""
    query = select(bills.c.vendor, func.max(bills.c.day), func.max(bills.c.read_at).label("read_at"))
    rows = connection.execute(query.where(bills.c.world == world).group_by(bills.c.vendor))
    return {vendor: (day, read_at) for vendor, day, read_at in rows}


def unread_bills(records: Records) -> dict[str, str]:
    """Return why a vendor's bill could not be read, by vendor, where it has not been for more than a day."""
    late = records.clock.now() - _LATE
    reported = {vendor.name for vendor in reporting_vendors(records.settings)}
    with records.catalog.read() as connection:
        read = read_until(connection, records.settings.world)
        failures = _failures(connection, records)
    return {
        vendor: why
        for vendor, (failed_at, why) in failures.items()
        if vendor in reported and (read[vendor][1] if vendor in read else failed_at) < late
    }


def vendor_bills(records: Records) -> list[VendorBill]:
    """Return the last days' bills beside what is booked, of every vendor that something was bought from."""
    today, world = utc_today(records), records.settings.world
    first = today - timedelta(days=READ_DAYS)
    with records.catalog.read() as connection:
        lines = [line for line in bill_lines(connection, first, today - timedelta(days=1)) if line.world == world]
        read = read_until(connection, world)
        failures = {name: why for name, (_at, why) in _failures(connection, records).items()}
    totals: dict[str, BillLine] = {}
    for line in lines:
        totals[line.provider] = totals[line.provider] + line if line.provider in totals else line
    reported = {vendor.name for vendor in reporting_vendors(records.settings)}
    known = {vendor.name: vendor for vendor in vendors()}
    notes = {name: _note(known.get(name), name in reported, read.get(name), failures.get(name)) for name in totals}
    return [VendorBill(label_of(name), total, notes[name]) for name, total in sorted(totals.items())]


def utc_today(records: Records) -> date:
    """Return the present UTC day."""
    return records.clock.now().astimezone(UTC).date()


def _note(vendor: Vendor | None, is_reported: bool, read: tuple[date, datetime] | None, failure: str | None) -> str:
    if vendor is None or vendor.bill is None:
        return "not reported: dayreel reads no bill of this vendor"
    if not is_reported:
        return f"not reported: {vendor.bill.key} is not set"
    until = "not read yet" if read is None else f"read until {read[0]}, at {read[1]:%Y-%m-%d %H:%M} UTC"
    return until if failure is None else f"{until}; the last try failed: {failure}"


def _failures(connection: Connection, records: Records) -> dict[str, tuple[datetime, str]]:
    """Return since when each vendor's bill was tried in the last week and not read, and the last reason."""
    logs, world = processing_logs.c, records.settings.world
    since = records.clock.now() - timedelta(days=READ_DAYS)
    query = select(logs.error_message, logs.metadata, logs.completed_at).where(
        logs.layer == LAYER, logs.status == "failed", logs.completed_at >= since
    )
    read = read_until(connection, world)
    failures: dict[str, tuple[datetime, str]] = {}
    for error, facts, at in connection.execute(query.order_by(logs.id)):
        vendor = facts["provider"]
        if facts["world"] == world and (vendor not in read or read[vendor][1] < at):
            failures[vendor] = (failures[vendor][0] if vendor in failures else at, error)
    return failures
