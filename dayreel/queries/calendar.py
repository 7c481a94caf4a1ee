"""What is a channel's month like? What was made of its days, what is planned or pinned, when it is paused.

Pinning and pausing is `services.making.plan_days`.
"""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import select

from dayreel.clock import local_day
from dayreel.errors import UsageError
from dayreel.queries.contents import ContentStatus, read_status
from dayreel.queries.queue import ContentFiles
from dayreel.queries.rows import (
    ContentRow,
    PinnedIdea,
    SkippedDay,
    all_rows,
    begun_on_of,
    current_content,
    pause_of,
    pinned_idea,
    rests_of,
    skipped_day,
)
from dayreel.records import Records
from dayreel.rules.calendar import DayStanding, standing_of, why_never_made
from dayreel.rules.pauses import Pause, PauseSpan
from dayreel.schemas.channel import Channel
from dayreel.stores.catalog.tables import channel_pauses, content, pinned_ideas, skipped_days

DayKind = DayStanding | Literal["made", "pinned"]


@dataclass(frozen=True)
class Day:
    """One day of one channel.

    Attributes:
        made: the newest take there is, and how it stands.
        poster: path inside that content's folder, when it is there.
        why: why nothing is made on it, where that is so.
        skipped: a person's word that it is left out.
    """

    day: date
    kind: DayKind
    is_today: bool
    is_over: bool
    made: ContentStatus | None
    poster: str | None
    pin: PinnedIdea | None
    why: str | None
    skipped: SkippedDay | None

    @property
    def can_be_made(self) -> bool:
        """Whether somebody may have it made now: it has come, and nothing stands against it."""
        if self.kind == "paused":
            return self.is_over
        return self.kind in ("due", "missed", "before") or (self.is_today and self.kind in ("planned", "pinned"))


@dataclass(frozen=True)
class Month:
    """One month of one channel; its weeks begin on Monday, and None fills the first and the last."""

    channel: Channel
    first: date
    weeks: tuple[tuple[Day | None, ...], ...]
    before: date
    after: date
    today: date
    pause: Pause | None
    ahead: tuple[PinnedIdea, ...]
    channels: Mapping[str, str]
    paused_channels: frozenset[str]


def month_of(records: Records, files: ContentFiles, *, name: str | None, month: str | None) -> Month:
    """Return a month of a channel.

    Args:
        name: the channel; left out, the first one.
        month: YYYY-MM; left out, or no month at all, the present one.

    Raises:
        UsageError: there is no such channel, or no channel at all.
        ConfigurationError: its file cannot be read.
    """
    names = records.channels.names()
    if name is None and not names:
        raise UsageError("There is no channel yet.", next_step="Write one into channels/, see docs/how-to/channels.md.")
    channel = records.channels.load(name or names[0])
    load = files.channels()
    titles = {known: loaded.title if (loaded := load(known)) else known for known in names}
    today = local_day(records.clock.now(), channel.timezone)
    first = _first_of(month) or today.replace(day=1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    with records.catalog.read() as connection:
        of_month = (content.c.channel == channel.name, content.c.day.between(first, last))
        rows = all_rows(connection, ContentRow, select(content).where(*of_month).order_by(content.c.take))
        newest = {row.day: row for row in rows}
        made = {status.row.day: status for status in read_status(records, connection, [*newest.values()]).contents}
        of_channel = select(pinned_ideas).where(pinned_ideas.c.channel == channel.name).order_by(pinned_ideas.c.day)
        pins = {pin.day: pin for pin in all_rows(connection, PinnedIdea, of_channel)}
        skipped = select(skipped_days).where(skipped_days.c.channel == channel.name)
        skips = {skip.day: skip for skip in all_rows(connection, SkippedDay, skipped)}
        begun_on = begun_on_of(connection, channel.name)
        pause, rests = pause_of(connection, channel.name), rests_of(connection, channel)
        paused = {
            row.channel
            for row in connection.execute(select(channel_pauses))
            if Pause(row.until_on, row.paused_by, row.paused_at).covers(today)
        }
    pause = pause if pause is not None and pause.covers(today) else None
    look = _Look(records, files, channel, today, begun_on, rests)
    days = [look.at(day, made.get(day), pins.get(day), skips.get(day)) for day in _days(first, last)]
    return Month(
        channel=channel,
        first=first,
        weeks=_weeks(days),
        before=(first - timedelta(days=1)).replace(day=1),
        after=last + timedelta(days=1),
        today=today,
        pause=pause,
        ahead=tuple(pin for day, pin in pins.items() if day >= today),
        channels=titles,
        paused_channels=frozenset(paused),
    )


def day_of(records: Records, files: ContentFiles, name: str, day: date) -> tuple[Channel, Day]:
    """Return one day of a channel.

    Raises:
        UsageError: there is no such channel.
        ConfigurationError: its file cannot be read.
    """
    channel = records.channels.load(name)
    today = local_day(records.clock.now(), channel.timezone)
    with records.catalog.read() as connection:
        row, pin = current_content(connection, name, day), pinned_idea(connection, name, day)
        made = read_status(records, connection, [row]).contents[0] if row is not None else None
        rests, skipped = rests_of(connection, channel), skipped_day(connection, name, day)
        begun_on = begun_on_of(connection, name)
    return channel, _Look(records, files, channel, today, begun_on, rests).at(day, made, pin, skipped)


@dataclass(frozen=True)
class _Look:
    """What the days of one channel have in common."""

    records: Records
    files: ContentFiles
    channel: Channel
    today: date
    begun_on: date | None
    rests: Sequence[PauseSpan]

    def at(self, day: date, made: ContentStatus | None, pin: PinnedIdea | None, skipped: SkippedDay | None) -> Day:
        kind = self._kind(day, made, pin, is_skipped=skipped is not None)
        never, poster = why_never_made(self.channel, day), self._poster(made)
        return Day(day, kind, day == self.today, day < self.today, made, poster, pin, never, skipped)

    def _kind(self, day: date, made: ContentStatus | None, pin: PinnedIdea | None, *, is_skipped: bool) -> DayKind:
        if made is not None:
            return "made"
        now = self.records.clock.now()
        kind = standing_of(self.channel, day, now, begun_on=self.begun_on, rests=self.rests, is_skipped=is_skipped)
        return "pinned" if kind == "planned" and pin is not None else kind

    def _poster(self, made: ContentStatus | None) -> str | None:
        final = None if made is None else self.files.made(made.row)[0]
        if made is None or final is None:
            return None
        return final.poster if (self.records.contents.folder(made.row.id) / final.poster).is_file() else None


def _first_of(month: str | None) -> date | None:
    try:
        return date.fromisoformat(f"{month}-01") if month and len(month) == len("2026-11") else None
    except ValueError:
        return None


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _weeks(days: list[Day]) -> tuple[tuple[Day | None, ...], ...]:
    padded: list[Day | None] = [*[None] * days[0].day.weekday(), *days]
    padded += [None] * (-len(padded) % len(calendar.day_abbr))
    return tuple(tuple(padded[start : start + 7]) for start in range(0, len(padded), 7))
