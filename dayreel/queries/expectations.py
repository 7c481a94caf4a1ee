"""Which videos of channels' days should exist by now, and which of them do not?

Posts that should be out are `services.upkeep.due_work`; the reports of all that is silent are `queries.silences`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from dayreel.clock import local_day
from dayreel.queries.rows import ContentRow, all_rows, begun_on_of, current_content, rests_of, skipped_day
from dayreel.records import Records
from dayreel.rules.calendar import DayStanding, make_due_at, standing_of
from dayreel.rules.flags import why_nothing_starts
from dayreel.rules.lifecycle import WORKING
from dayreel.rules.pauses import PauseSpan
from dayreel.schemas.channel import Channel
from dayreel.stores.catalog.tables import content, skipped_days

GRACE: Final = timedelta(minutes=10)
"""What the queue and the start of a run may take."""
LOOK_BACK: Final = timedelta(days=7)
"""A day that was missed before stays a gap in the calendar, and is not reported any more."""


@dataclass(frozen=True)
class Silence:
    """Something that should have happened, and has not.

    Attributes:
        subject: what it is known by for as long as it lasts: `video crafts 2026-11-20`.
        text: what is missing, since when.
        next_step: what a person does about it.
    """

    subject: str
    text: str
    next_step: str


@dataclass(frozen=True)
class DueDay:
    """A day of a channel on which something should have been begun by now.

    Attributes:
        row: its newest take; None where nothing was begun.
    """

    channel: str
    day: date
    due_at: datetime
    row: ContentRow | None


@dataclass(frozen=True)
class OpenDay:
    """A day of the last week of which nothing is made, as the calendar shows it: `due`, or `missed` once it is over."""

    channel: str
    day: date
    standing: DayStanding


def open_days(records: Records, connection: Connection) -> list[OpenDay]:
    """Return the days that a person may have made now, or skip, of channels whose files can be read; newest first."""
    channels, _broken = records.channels.load_readable()
    days = [
        OpenDay(name, day, standing)
        for name, channel in channels.items()
        for day, row, standing, _rests in _last_week(records, connection, channel)
        if row is None and standing in ("due", "missed")
    ]
    return sorted(days, key=lambda open_day: (-open_day.day.toordinal(), open_day.channel))


def missing_days(
    records: Records, channels: Iterable[Channel], *, under_way: Collection[tuple[str, date]] = ()
) -> list[Silence]:
    """Return the days of these channels that should have been begun in the last week, and were not.

    Args:
        under_way: channels and days of which a run waits or works.

    Raises:
        StoreError: the catalog cannot be read.
    """
    if why_nothing_starts(records.settings) is not None:
        return []
    with records.catalog.read() as connection:
        return [
            _missing_day(channel, due)
            for channel in channels
            for due in due_days(records, connection, channel)
            if due.row is None and (channel.name, due.day) not in under_way
        ]


def unmade_today(records: Records, connection: Connection, channel: Channel) -> ContentRow | Literal["new"] | None:
    """Return what is still to be made of a channel's present day: `new`, a content that is being made, or None."""
    now = records.clock.now()
    today = local_day(now, channel.timezone)
    row = current_content(connection, channel.name, today)
    if row is not None:
        return row if row.state in WORKING else None
    is_skipped = skipped_day(connection, channel.name, today) is not None
    rests = rests_of(connection, channel)
    standing = standing_of(channel, today, now, begun_on=None, rests=rests, is_skipped=is_skipped)
    return "new" if standing in ("planned", "due") else None


def due_days(records: Records, connection: Connection, channel: Channel) -> Iterator[DueDay]:
    """Yield the days of the last week on which something should have been begun; nobody chose to have nothing made."""
    if why_nothing_starts(records.settings) is not None:
        return
    now, known_since = records.clock.now(), _known_since(records, connection, channel)
    for day, row, standing, rests in _last_week(records, connection, channel):
        due_at = make_due_at(channel, day)
        if due_at is None or due_at > now - GRACE:
            continue
        # Nothing is made by itself of a day on which the channel rested at its hour, nor of one that was over before.
        is_expected = standing in ("due", "missed", "before") and not any(rest.covers(due_at) for rest in rests)
        if row is not None or (is_expected and due_at > known_since):
            yield DueDay(channel.name, day, due_at, row)


def _last_week(
    records: Records, connection: Connection, channel: Channel
) -> Iterator[tuple[date, ContentRow | None, DayStanding, Sequence[PauseSpan]]]:
    """Yield the days with their newest take, how they stand without one, and when the channel rested."""
    now = records.clock.now()
    first = local_day(now, channel.timezone) - LOOK_BACK
    of_week = select(content).where(content.c.channel == channel.name, content.c.day >= first)
    made = {row.day: row for row in all_rows(connection, ContentRow, of_week.order_by(content.c.take))}
    skips = select(skipped_days.c.day).where(skipped_days.c.channel == channel.name, skipped_days.c.day >= first)
    skipped = set(connection.execute(skips).scalars())
    begun_on, rests = begun_on_of(connection, channel.name), rests_of(connection, channel)
    for day in (first + timedelta(days=number) for number in range(LOOK_BACK.days + 1)):
        standing = standing_of(channel, day, now, begun_on=begun_on, rests=rests, is_skipped=day in skipped)
        yield day, made.get(day), standing, rests


def _known_since(records: Records, connection: Connection, channel: Channel) -> datetime:
    """Return since when something is expected of a channel: its first content, and until then its file."""
    oldest = select(func.min(content.c.created_at)).where(content.c.channel == channel.name)
    return connection.execute(oldest).scalar() or records.channels.changed_at(channel.name)


def _missing_day(channel: Channel, due: DueDay) -> Silence:
    shown = f"{due.due_at.astimezone(ZoneInfo(channel.timezone)):%H:%M} ({channel.timezone})"
    text = f"The video of {channel.name} for {due.day} was due to be begun at {shown}, and nothing has begun."
    step = f"`dayreel run --channel {channel.name} --date {due.day}` makes it; the desk's calendar can skip the day."
    return Silence(f"video {channel.name} {due.day}", text, step)
