"""Which videos of channels' days should exist by now, and do not?

Posts that should be out are `services.upkeep.due_work`; the reports of all that is silent are `queries.silences`.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from dayreel.clock import local_day
from dayreel.queries.rows import ContentRow, begun_on_of, current_content, rests_of, skipped_day
from dayreel.records import Records
from dayreel.rules.calendar import make_due_at, standing_of
from dayreel.rules.lifecycle import WORKING
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


def missing_days(
    records: Records, channels: Iterable[Channel], *, under_way: Collection[tuple[str, date]] = ()
) -> list[Silence]:
    """Return the days of these channels that should have been begun in the last week, and were not.

    Args:
        under_way: channels and days of which a run waits or works.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        return [
            _missing_day(channel, day, due_at)
            for channel in channels
            for day, due_at in _unmade(records, connection, channel)
            if (channel.name, day) not in under_way
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


def _unmade(records: Records, connection: Connection, channel: Channel) -> Iterator[tuple[date, datetime]]:
    """Yield the days on which something should have been begun, and when, as far as nothing was and nobody chose so."""
    now = records.clock.now()
    today = local_day(now, channel.timezone)
    first = today - LOOK_BACK
    known_since = _known_since(records, connection, channel)
    of_channel = (content.c.channel == channel.name, content.c.day >= first)
    made = set(connection.execute(select(content.c.day).where(*of_channel)).scalars())
    skips = select(skipped_days.c.day).where(skipped_days.c.channel == channel.name, skipped_days.c.day >= first)
    skipped = set(connection.execute(skips).scalars())
    begun_on, rests = begun_on_of(connection, channel.name), rests_of(connection, channel)
    for day in (first + timedelta(days=number) for number in range(LOOK_BACK.days + 1)):
        due_at = make_due_at(channel, day)
        if day in made or due_at is None or not known_since < due_at <= now - GRACE:
            continue
        standing = standing_of(channel, day, now, begun_on=begun_on, rests=rests, is_skipped=day in skipped)
        # Nothing is made by itself of a day on which the channel rested at its hour, nor of one that was over before.
        if standing in ("due", "missed", "before") and not any(rest.covers(due_at) for rest in rests):
            yield day, due_at


def _known_since(records: Records, connection: Connection, channel: Channel) -> datetime:
    """Return since when something is expected of a channel: its first content, and until then its file."""
    oldest = select(func.min(content.c.created_at)).where(content.c.channel == channel.name)
    return connection.execute(oldest).scalar() or records.channels.changed_at(channel.name)


def _missing_day(channel: Channel, day: date, due_at: datetime) -> Silence:
    shown = f"{due_at.astimezone(ZoneInfo(channel.timezone)):%H:%M} ({channel.timezone})"
    text = f"The video of {channel.name} for {day} was due to be begun at {shown}, and nothing has begun."
    step = f"`dayreel run --channel {channel.name} --date {day}` makes it; the desk's calendar can skip the day."
    return Silence(f"video {channel.name} {day}", text, step)
