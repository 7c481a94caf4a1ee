"""The week's message: how the channels did in the last full week, sent once to whoever gets reports.

What it says of a channel, and the page with charts, is for `write_report`; here is when it is due, what all channels
did together, and whose approvals fell below the floor. Dagster's schedule sends it at its time, and whoever finds later
that nobody has (a chore, `dayreel watch`) sends it then, until the week is over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from dayreel.errors import BusyError
from dayreel.providers.notifiers.contract import Notifier
from dayreel.queries.expectations import GRACE
from dayreel.rules.calendar import clock_moments, last_full_week
from dayreel.schemas.channel import WEEKDAYS
from dayreel.services.notify_people import notify_once, project_today, was_notified
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import content

if TYPE_CHECKING:
    from dayreel.services.reporting.write_report import WeeklyReport

OFF: Final = "off"
_MOST_CHANNELS: Final = 5
"""With their own paragraph. The rest is in the sums and on the pages: messengers cut long messages."""


@dataclass(frozen=True)
class ChannelWeek:
    """What one channel did in a week; counts are of contents, as in the mart `summary/weekly`.

    Attributes:
        views_gained: None where nothing was measured.
    """

    channel: str
    made: int
    approved: int
    rejected: int
    posts: int
    views_gained: int | None
    spent_usd: Decimal

    def is_below(self, floor_percent: int) -> bool:
        """Return whether a smaller share of what was decided was approved; without a decision it is not."""
        return 100 * self.approved < floor_percent * (self.approved + self.rejected)


@dataclass(frozen=True)
class LookedAtWeek:
    """What there is to say of a week: a row and a report for each channel.

    Attributes:
        unreadable: channels without a report, since their files cannot be read.
    """

    weeks: Sequence[ChannelWeek]
    reports: "Sequence[WeeklyReport]"
    unreadable: Sequence[str] = ()


def look_at_week(project: Project, monday: date) -> LookedAtWeek:
    """Refresh the week's marts, write the pages of all channels whose files can be read, and return what they say.

    Raises:
        ConfigurationError: no channel's file can be read.
        StoreError: the catalog cannot be read.
        OSError: a page could not be written.
    """
    # Charts cost a second to import, and whoever only asks what is due needs none of them.
    from dayreel.services.reporting.write_report import read_summaries, write_reports  # noqa: PLC0415

    readable, unreadable = project.channels.load_readable()
    reports = write_reports(project, monday, channels=list(readable))
    return LookedAtWeek([_channel_week(row) for row in read_summaries(project, monday)], reports, list(unreadable))


def week_name(monday: date) -> str:
    """Return a week as people write it: 2026-W46."""
    year, number, _ = monday.isocalendar()
    return f"{year}-W{number:02d}"


def due_moments(project: Project) -> tuple[datetime, datetime]:
    """Return the first and the last moment that the message's time in the present week can mean, mostly the same.

    Its time must not be `off`.
    """
    weekday, clock_time = project.settings.weekly_at.split()
    today = project_today(project)
    day = today - timedelta(days=today.weekday() - WEEKDAYS.index(weekday))
    return clock_moments(day, clock_time, project.settings.timezone)


def why_not_sent(project: Project, *, targets: Sequence[str]) -> str | None:
    """Return why the message is not to be sent now, or None where it is.

    Args:
        targets: the notifiers' names.
    """
    if project.settings.weekly_at == OFF:
        return "DAYREEL_WEEKLY_AT is off"
    if project.clock.now() < due_moments(project)[0]:
        return f"it is not {project.settings.weekly_at} yet"
    monday = last_full_week(project_today(project))
    if was_notified(project, None, _subject(monday), targets=targets):
        return f"the message about {week_name(monday)} was sent"
    before = select(content.c.id).where(
        content.c.world == project.settings.world, content.c.day < monday + timedelta(days=7)
    )
    with project.catalog.read() as connection:
        is_new = connection.execute(before.limit(1)).first() is None
    return f"nothing was made up to the end of {week_name(monday)}" if is_new else None


def is_weekly_late(project: Project, *, targets: Sequence[str]) -> bool:
    """Return whether the message should have been sent a while ago, and was not.

    Args:
        targets: the notifiers' names.
    """
    if project.settings.weekly_at == OFF or project.clock.now() < due_moments(project)[1] + GRACE:
        return False
    return why_not_sent(project, targets=targets) is None


def send_weekly(
    project: Project,
    *,
    notifiers: Sequence[Notifier],
    look: Callable[[Project, date], LookedAtWeek] = look_at_week,
) -> list[str]:
    """Send the message about the last full week, where it is due; return what was sent, in words. Raises as `look`."""
    if why_not_sent(project, targets=[notifier.name for notifier in notifiers]):
        return []
    monday = last_full_week(project_today(project))
    text = text_of(monday, look(project, monday), floor_percent=project.settings.approval_floor)
    try:
        return [notify_once(project, None, _subject(monday), text, notifiers=notifiers)]
    except BusyError as error:  # somebody else is sending it
        return [str(error)]


def text_of(monday: date, looked_at: LookedAtWeek, *, floor_percent: int) -> str:
    """Return the message: all channels together, whose approvals are below the floor, then channels one by one."""
    weeks, reports = looked_at.weeks, looked_at.reports
    below = sorted((week for week in weeks if week.is_below(floor_percent)), key=lambda week: week.channel)
    named = {week.channel for week in below}
    shown = sorted(reports, key=lambda report: (report.channel not in named, report.channel))[:_MOST_CHANNELS]
    rest = len(reports) - len(shown)
    lines = [
        f"Week {week_name(monday)} ({monday} to {monday + timedelta(days=6)}): {_together(weeks)}.",
        *(f"Approvals below {floor_percent} %: {week.channel}, {_approved(week)}." for week in below),
        *(
            f"No report of {name}: its file cannot be read; `dayreel channels validate` says why."
            for name in looked_at.unreadable
        ),
        *(report.text for report in shown),
    ]
    more = f" {rest} more channel{'s are' if rest > 1 else ' is'} there." if rest else ""
    return "\n\n".join([*lines, f"Charts: `dayreel report --week {week_name(monday)}`.{more}"])


def _together(weeks: Sequence[ChannelWeek]) -> str:
    measured = [week.views_gained for week in weeks if week.views_gained is not None]
    views = f"{sum(measured):+,} views" if measured else "views were not measured"
    of_some = f" (of {len(measured)} of {len(weeks)} channels)" if 0 < len(measured) < len(weeks) else ""
    counts = {name: sum(getattr(week, name) for week in weeks) for name in ("made", "approved", "rejected", "posts")}
    spent = sum((week.spent_usd for week in weeks), Decimal(0))
    total = ChannelWeek("*", **counts, views_gained=None, spent_usd=spent)
    made = f"{total.made} video{'' if total.made == 1 else 's'} made"
    posts = f"{total.posts} post{'' if total.posts == 1 else 's'}"
    return f"{made}, {_approved(total)}, {posts}, {views}{of_some}, ${total.spent_usd:,.2f} spent"


def _approved(week: ChannelWeek) -> str:
    decided = week.approved + week.rejected
    # Rounded down: 79.6 % is below a floor of 80, and says so.
    return f"{week.approved} of {decided} approved ({100 * week.approved // decided}%)" if decided else "none decided"


def _channel_week(row: dict[str, Any]) -> ChannelWeek:
    views = row["views_gained"]
    counts = {name: int(row[name]) for name in ("made", "approved", "rejected", "posts")}
    return ChannelWeek(
        row["channel"], **counts, views_gained=None if views is None else int(views), spent_usd=row["spent_usd"]
    )


def _subject(monday: date) -> str:
    return f"weekly/{monday}"
