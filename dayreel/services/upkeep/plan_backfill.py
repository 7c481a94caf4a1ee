"""What a backfill would make: days that are missing or failed, what they may cost, and why others are left out.

Reads the catalog, the channel files and the prices; changes nothing. A day that is left out here is also refused by the
first step of its run, so that the UI's own backfill comes to the same.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from sqlalchemy import select

from dayreel.clock import local_day
from dayreel.errors import UsageError
from dayreel.queries.money import overall_caps, spent
from dayreel.queries.prices import expected_day_cost, reserved_for_today
from dayreel.queries.rows import ContentRow, list_contents
from dayreel.queries.unknown_outcomes import read_unknown_outcomes
from dayreel.rules.lifecycle import WORKING
from dayreel.schemas.channel import Channel
from dayreel.services.making.open_content import why_not_begun
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import content, effects

MOST_DAYS = 1000


@dataclass(frozen=True)
class PlannedDay:
    """One channel's day that would be made, and what it is expected to cost still."""

    channel: str
    day: date
    why: Literal["missing", "failed", "unfinished"]
    expected_usd: Decimal


@dataclass(frozen=True)
class LeftOutDay:
    """One channel's day that would not be made, and why."""

    channel: str
    day: date
    reason: str


@dataclass(frozen=True)
class BackfillPlan:
    """What a backfill would make, newest caps included.

    Attributes:
        today_left_usd: what the caps over everything still allow today, beside what is kept.
        kept_usd: what today's videos are expected to cost still, those that the backfill makes left out.
    """

    days: tuple[PlannedDay, ...]
    left_out: tuple[LeftOutDay, ...]
    today_left_usd: Decimal
    kept_usd: Decimal

    @property
    def expected_usd(self) -> Decimal:
        """What all its days are expected to cost."""
        return sum((day.expected_usd for day in self.days), Decimal(0))


def plan_backfill(project: Project, channels: Sequence[Channel], first: date, last: date) -> BackfillPlan:
    """Return what a backfill of these channels from `first` up to and with `last` would make.

    Today's videos come first, also those of channels that are not backfilled: what they are expected to cost is kept.
    Then days are planned oldest first, as long as the caps allow; what they do not is left out, not refused half-way.

    Raises:
        UsageError: the days are in the wrong order, or too many.
        ConfigurationError: a model has no price.
    """
    if not timedelta() <= last - first < timedelta(days=MOST_DAYS):
        raise UsageError(
            f"From {first} to {last} is not a range of 1 to {MOST_DAYS} days.",
            next_step="Give --from and --to in order.",
        )
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    pairs = [(channel, day) for day in days for channel in channels]
    # Of pairs that stand alike, sorting keeps the order.
    pairs.sort(key=lambda pair: pair[1] != local_day(project.clock.now(), pair[0].timezone))
    left_usd, kept_usd = _left_today(project, {(channel.name, day) for channel, day in pairs})
    planned: list[PlannedDay] = []
    left_out: list[LeftOutDay] = []
    wanted = Decimal(0)
    rows, doubtful, paid = _made(project, channels, first, last)
    for channel, day in pairs:
        row = rows.get((channel.name, day))
        reason = _why_left_out(project, channel, day, row, has_doubt=row is not None and row.id in doubtful)
        already = paid.get(row.id, Decimal(0)) if row else Decimal(0)
        cost = max(Decimal(0), expected_day_cost(project, channel) - already)
        if reason is None and wanted + cost > left_usd:
            kept = f" beside ${kept_usd:.2f} that are kept for today's videos" if kept_usd else ""
            reason = f"the caps leave ${left_usd:.2f} today{kept}, which the days before it use up"
        if reason is not None:
            left_out.append(LeftOutDay(channel.name, day, reason))
            continue
        wanted += cost
        planned.append(PlannedDay(channel.name, day, _why(row), cost))
    planned.sort(key=lambda plan: plan.day)
    left_out.sort(key=lambda plan: plan.day)
    return BackfillPlan(tuple(planned), tuple(left_out), left_usd, kept_usd)


def _left_today(project: Project, planned: Container[tuple[str, date]]) -> tuple[Decimal, Decimal]:
    """Return what the caps leave for a backfill, and what they leave beside it for the rest of today's videos."""
    with project.catalog.read() as connection:
        left = min(cap.limit_usd - cap.used_usd for cap in overall_caps(project, connection))
        kept = reserved_for_today(project, connection, project.channels.load_readable()[0].values(), but=planned)
    return max(Decimal(0), left - kept), kept


def _made(
    project: Project, channels: Sequence[Channel], first: date, last: date
) -> tuple[dict[tuple[str, date], ContentRow], set[str | None], dict[str, Decimal]]:
    """Return the newest take of each day, the ids of those in doubt, and what each has cost by now."""
    names = [channel.name for channel in channels]
    of_range = (content.c.channel.in_(names), content.c.day.between(first, last))
    with project.catalog.read() as connection:
        ids = set(connection.execute(select(content.c.id).where(*of_range)).scalars())
        rows = [row for row in list_contents(connection, channels=names) if row.id in ids]
        # What was sent and abandoned does not hold a day back: its run continues it.
        unknown = read_unknown_outcomes(project, connection).here
        doubtful = {outcome.content_id for outcome in unknown if outcome.state == "unknown"}
        paid = {row.id: spent(connection, effects.c.content_id == row.id) for row in rows if row.state == "failed"}
    # Takes come in order, so the last of a day is its newest.
    return {(row.channel, row.day): row for row in rows}, doubtful, paid


def _why(row: ContentRow | None) -> Literal["missing", "failed", "unfinished"]:
    if row is None:
        return "missing"
    return "failed" if row.state == "failed" else "unfinished"


def _why_left_out(
    project: Project, channel: Channel, day: date, row: ContentRow | None, *, has_doubt: bool
) -> str | None:
    refusal = why_not_begun(project, channel, day)
    if refusal is not None:
        return refusal
    if day < date.fromisoformat(project.settings.first_day):
        return f"{day} is before the first partition (DAYREEL_FIRST_DAY = {project.settings.first_day})"
    return None if row is None else _why_left_as_it_is(project, row, has_doubt=has_doubt)


def _why_left_as_it_is(project: Project, row: ContentRow, *, has_doubt: bool) -> str | None:
    if row.world != project.settings.world:
        return f"{row.id} was begun in the {row.world} world"
    if has_doubt:
        return f"{row.id} has an act whose outcome is not known; `dayreel reconcile` first"
    if row.state in ("rejected", "expired"):
        return f"{row.id} is {row.state}; `dayreel retry {row.id} --new-take` makes another video"
    if row.state not in (*WORKING, "failed"):
        return f"{row.id} is already made ({row.state})"
    return None
