"""Which days a channel is made on and when, and when it may publish. Pure: the present moment is handed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from dayreel.clock import day_begins, local_day
from dayreel.errors import ConfigurationError
from dayreel.rules.pauses import PauseSpan
from dayreel.schemas.channel import WEEKDAYS, Channel

DayStanding = Literal["off", "skipped", "paused", "planned", "due", "missed", "before"]
"""How a day stands of which nothing is made. `off`: none of the channel's days. `due`: it is today, and its hour has
come. `missed`: it is over. `before`: it is over, and the channel had made nothing yet. `paused`: the channel rests now,
or rested when the day was due."""
_HOUR: Final = timedelta(hours=1)
_YEAR: Final = 366  # days; every offset that a zone has comes up within it


def last_full_week(day: date) -> date:
    """Return the Monday of the newest week that is over on a day; weeks begin on Monday."""
    return day - timedelta(days=day.weekday() + 7)


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
    return None if make_due_at(channel, day) is not None else f"{day} does not exist in {channel.timezone}"


def clock_moments(day: date, clock_time: str, zone: str) -> tuple[datetime, datetime]:
    """Return the first and the last moment at which Dagster may tick for a clock time (HH:MM), mostly the same.

    They differ where a change of the clocks skips it or shows it twice. Dagster's schedules take either meaning,
    depending on the hour (`dagster._utils.schedules`). Behind a gap they add what the zone calls its daylight saving,
    which Python reads as two hours in zones that have changed their standard time, such as Inuvik.
    """
    earlier, later = _meanings(day, clock_time, zone)
    shown, info = datetime.combine(day, time.fromisoformat(clock_time), tzinfo=ZoneInfo(zone)), ZoneInfo(zone)
    if shown.astimezone(UTC).astimezone(info).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return earlier, later
    saved = info.dst(shown + _HOUR) or timedelta()
    return earlier, max(later, (shown.replace(minute=0) + saved).astimezone(UTC))


def _meanings(day: date, clock_time: str, zone: str) -> tuple[datetime, datetime]:
    shown = datetime.combine(day, time.fromisoformat(clock_time))
    moments = [shown.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(moments), max(moments)


def make_due_at(channel: Channel, day: date) -> datetime | None:
    """Return the moment by which the making of a day is started; None for a day that the zone has left out.

    A clock time that a change of the clocks skips, or shows twice, is the later of the two moments that it can mean.
    """
    _, due_at = clock_moments(day, channel.make_at, channel.timezone)
    return due_at if local_day(due_at, channel.timezone) == day else None


def standing_of(
    channel: Channel,
    day: date,
    now: datetime,
    *,
    begun_on: date | None,
    rests: Sequence[PauseSpan] = (),
    is_skipped: bool = False,
) -> DayStanding:
    """Return how a day stands of which nothing is made: the one answer for calendars, lists and what is watched.

    Args:
        begun_on: the first day of which the channel has made anything.
        rests: when it was paused, and is.
    """
    due_at = make_due_at(channel, day)
    if why_never_made(channel, day) is not None or due_at is None:
        return "off"
    if is_skipped:
        return "skipped"
    today = local_day(now, channel.timezone)
    if any(rest.covers(due_at if day < today else max(due_at, now)) for rest in rests):
        return "paused"
    if day < today:
        return "missed" if begun_on is not None and day > begun_on else "before"
    return "due" if due_at <= now else "planned"


def changes_of_make_at(channel: Channel, first: date) -> Mapping[date, str]:
    """Return the days within a year on which the clocks skip `make_at` or show it twice, and which of the two."""
    unusual: dict[date, str] = {}
    for day in _year_from(first):
        earlier, later = _meanings(day, channel.make_at, channel.timezone)
        if earlier != later:
            unusual[day] = "not at all" if _is_skipped(channel, earlier) else "twice"
    return unusual


def check_zones(channels: Mapping[str, Channel], zone: str, first: date) -> None:
    """Refuse a channel whose `make_at` misses its day, on any day within a year.

    That is so before the day has begun in the project's zone, and where the clocks skip the rest of a day.

    Dagster's partitions are the days of the project's zone: a run of a day that has not begun there cannot start.

    Args:
        zone: DAYREEL_TIMEZONE.
        first: the first day of that year.

    Raises:
        ConfigurationError: names the channel, the days, and what to set.
    """
    for name, channel in channels.items():
        lost = next((day for day in _telling_days(channel.timezone, zone, first) if _is_lost(channel, day)), None)
        if lost is not None:
            raise ConfigurationError(
                f"Channel {name!r} makes its day at {channel.make_at}. On {lost} the clocks of {channel.timezone} skip "
                "that time together with the end of the day, or with more than an hour, so that day would not be made.",
                next_step="Set its make_at to another time.",
            )
    late = next((channel for channel in channels.values() if _is_too_early(channel, zone, first)), None)
    if late is None:
        return
    days = [day for day in _year_from(first) if _begins_too_late(day, late, zone)]
    # The zone of one of the channels in which the days of all of them have begun, where there is one.
    zones = dict.fromkeys((late.timezone, *(other.timezone for other in channels.values())))
    fitting = (other for other in zones if not any(_is_too_early(each, other, first) for each in channels.values()))
    better = next(fitting, None)
    time_of_day = _earliest_make_at(late, zone, first)
    steps = [] if better is None else [f"set DAYREEL_TIMEZONE={better}"]
    steps += [] if time_of_day is None else [f"set its make_at to {time_of_day} or later"]
    raise ConfigurationError(
        f"Channel {late.name!r} makes its day at {late.make_at} in {late.timezone}. On {len(days)} days of the year, "
        f"from {days[0]} on, that day has not begun then in DAYREEL_TIMEZONE ({zone}), so it would not be made.",
        next_step=f"For example, {', or '.join(steps)}." if steps else "It needs another timezone, or its own project.",
    )


def _is_lost(channel: Channel, day: date) -> bool:
    """Return whether Dagster has no tick that means this day: to it, changes of the clocks take an hour at the most."""
    earlier, later = _meanings(day, channel.make_at, channel.timezone)
    exists = local_day(day_begins(day, channel.timezone), channel.timezone) == day
    leaves_day = local_day(later, channel.timezone) != day
    return exists and (leaves_day or (_is_skipped(channel, earlier) and later - earlier > _HOUR))


def _is_skipped(channel: Channel, made_at: datetime) -> bool:
    return made_at.astimezone(ZoneInfo(channel.timezone)).strftime("%H:%M") != channel.make_at


def _is_too_early(channel: Channel, zone: str, first: date) -> bool:
    return any(_begins_too_late(day, channel, zone) for day in _telling_days(channel.timezone, zone, first))


def _begins_too_late(day: date, channel: Channel, zone: str) -> bool:
    """Return whether the day begins in the project's zone after the channel is made."""
    made_at = _moment(day, _clock_minutes(channel.make_at), ZoneInfo(channel.timezone))
    return local_day(made_at, zone) < day


@lru_cache(maxsize=1000)
def _telling_days(zone: str, other: str, first: date) -> tuple[date, ...]:
    """Return the days of a year that stand for all of it: the first, and those about a change of clocks."""
    days, zones = _year_from(first), (ZoneInfo(zone), ZoneInfo(other))
    noons = [tuple(datetime.combine(day, time(12), tzinfo=each).utcoffset() for each in zones) for day in days]
    changes = [number for number in range(1, _YEAR) if noons[number] != noons[number - 1]]
    return tuple(
        days[number] for number in sorted({0, *(n + by for n in changes for by in (-1, 0, 1))} & {*range(_YEAR)})
    )


def _year_from(first: date) -> list[date]:
    return [first + timedelta(days=number) for number in range(_YEAR)]


def _earliest_make_at(channel: Channel, zone: str, first: date) -> str | None:
    """Return the first clock time of the channel at which every day has begun in the project's zone, if any."""
    days = _year_from(first)
    begins = [day_begins(day, zone).astimezone(ZoneInfo(channel.timezone)) for day in days]
    if any(begin.date() > day for begin, day in zip(begins, days, strict=True)):
        return None
    return max(f"{begin:%H:%M}" for begin, day in zip(begins, days, strict=True) if begin.date() == day)


@dataclass(frozen=True)
class WindowState:
    """Whether publishing is open now and since when, and otherwise when it opens next (aware UTC)."""

    is_open: bool
    opens_at: datetime | None
    opened_at: datetime | None = None


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
                return WindowState(is_open=True, opens_at=None, opened_at=start)
            if start > now and end > start:
                starts.append(start)
    return WindowState(is_open=False, opens_at=min(starts) if starts else None)
