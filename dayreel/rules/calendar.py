"""Which days a channel is made on, and when it may publish. Pure: the present moment is handed in."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dayreel.clock import local_day
from dayreel.schemas.channel import WEEKDAYS, Channel


def why_not_made(channel: Channel, day: date, now: datetime) -> str | None:
    """Return why `channel` must not be made for `day`, or None when it may be.

    The first paid step asks this, so that no backfill can buy days that were never meant to exist.
    """
    today = local_day(now, channel.timezone)
    if day > today:
        return f"{day} is in the future for channel {channel.name!r} (today is {today} in {channel.timezone})"
    return why_never_made(channel, day)


def why_never_made(channel: Channel, day: date) -> str | None:
    """Return why `channel` is not made for `day` whatever day it is now, or None when it is one of its days."""
    if day < channel.active_from:
        return f"{day} is before active_from ({channel.active_from}) of channel {channel.name!r}"
    if channel.active_until is not None and day > channel.active_until:
        return f"{day} is after active_until ({channel.active_until}) of channel {channel.name!r}"
    if WEEKDAYS[day.weekday()] not in channel.weekdays:
        return (
            f"{day} is a {WEEKDAYS[day.weekday()]}; channel {channel.name!r} is made on {', '.join(channel.weekdays)}"
        )
    return None


@dataclass(frozen=True)
class WindowState:
    """Whether publishing is open now, and otherwise when it opens next (aware UTC)."""

    is_open: bool
    opens_at: datetime | None


def _clock_minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """Return the moment at which the local clock of `zone` shows `minutes` after midnight of `day`.

    A time that a DST change skips is the first moment after the gap; a time that occurs twice is its first occurrence.
    """
    shown = (datetime.combine(day, time(0)) + timedelta(minutes=minutes)).replace(tzinfo=zone)
    moment = shown.astimezone(UTC)
    after = moment.astimezone(zone)
    if after.replace(tzinfo=None) == shown.replace(tzinfo=None):
        return moment
    # `fold=0` has read a skipped time with the offset from before the gap, which lands as far behind it as the time
    # is inside it.
    while (earlier := moment - timedelta(minutes=1)).astimezone(zone).utcoffset() == after.utcoffset():
        moment = earlier
    return moment


def window_state(channel: Channel, now: datetime) -> WindowState:
    """Return whether `now` is inside one of the channel's publish windows; start inclusive, end exclusive.

    Windows are local clock times: on the day clocks go forward a window that begins in the gap begins after it, on the
    day they go back one that covers the repeated hour is an hour longer. A window may pass midnight (`22:00-02:00`).
    """
    zone = ZoneInfo(channel.timezone)
    today = local_day(now, channel.timezone)
    starts: list[datetime] = []
    for offset in range(-1, 9):
        day = today + timedelta(days=offset)
        for window in channel.publish_windows:
            first, last = (_clock_minutes(part) for part in window.split("-"))
            start = _moment(day, first, zone)
            end = _moment(day, last if last > first else last + 24 * 60, zone)
            if start <= now < end:
                return WindowState(is_open=True, opens_at=None)
            if start > now and end > start:
                starts.append(start)
    return WindowState(is_open=False, opens_at=min(starts) if starts else None)
