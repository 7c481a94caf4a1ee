"""What is a channel's month like? What was made of its days, what is planned or pinned, when it rests.

Pinning and pausing is `services.making.plan_days`.
"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import select

from dayreel.clock import local_day
from dayreel.errors import UsageError
from dayreel.queries.queue import ContentFiles
from dayreel.queries.rows import ContentRow, PinnedIdea, as_row, current_content, pause_of, pinned_idea
from dayreel.records import Records
from dayreel.rules.calendar import why_never_made
from dayreel.rules.pauses import Pause
from dayreel.schemas.channel import Channel
from dayreel.stores.catalog.tables import channel_pauses, content, pinned_ideas

# `off`: none of the channel's days. `missed`: one of them, it is over, and nothing was made.
Kind = Literal["made", "pinned", "planned", "paused", "missed", "off"]


@dataclass(frozen=True)
class Day:
    """One day of one channel.

    Attributes:
        made: the newest take there is.
        poster: path inside that content's folder, when it is there.
        why: why nothing is made on it, where that is so.
    """

    day: date
    kind: Kind
    is_today: bool
    made: ContentRow | None
    poster: str | None
    pin: PinnedIdea | None
    why: str | None


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
    resting: frozenset[str]


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
    titles = {one: found.title if (found := load(one)) else one for one in names}
    today = local_day(records.clock.now(), channel.timezone)
    first = _first_of(month) or today.replace(day=1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    with records.catalog.read() as connection:
        of_month = (content.c.channel == channel.name, content.c.day.between(first, last))
        rows = connection.execute(select(content).where(*of_month).order_by(content.c.take)).mappings()
        made = {row["day"]: as_row(ContentRow, row) for row in rows}
        of_channel = select(pinned_ideas).where(pinned_ideas.c.channel == channel.name).order_by(pinned_ideas.c.day)
        pins = {row["day"]: as_row(PinnedIdea, row) for row in connection.execute(of_channel).mappings()}
        pause = pause_of(connection, channel.name)
        resting = {
            row.channel
            for row in connection.execute(select(channel_pauses))
            if Pause(row.until_on, row.paused_by, row.paused_at).covers(today)
        }
    pause = pause if pause is not None and pause.covers(today) else None
    days = [
        _day(records, files, channel, today, one, made.get(one), pins.get(one), pause) for one in _days(first, last)
    ]
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
        resting=frozenset(resting),
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
        made, pin = current_content(connection, name, day), pinned_idea(connection, name, day)
        pause = pause_of(connection, name)
    pause = pause if pause is not None and pause.covers(today) else None
    return channel, _day(records, files, channel, today, day, made, pin, pause)


def _day(
    records: Records,
    files: ContentFiles,
    channel: Channel,
    today: date,
    day: date,
    made: ContentRow | None,
    pin: PinnedIdea | None,
    pause: Pause | None,
) -> Day:
    never = why_never_made(channel, day)
    kind: Kind = "planned"
    if made is not None:
        kind = "made"
    elif never is not None:
        kind = "off"
    elif day >= today and pause is not None and pause.covers(day):
        kind = "paused"
    elif pin is not None:
        kind = "pinned"
    elif day < today:
        kind = "missed"
    return Day(day, kind, day == today, made, _poster(records, files, made), pin, never)


def _poster(records: Records, files: ContentFiles, made: ContentRow | None) -> str | None:
    final = None if made is None else files.final_video(made)
    if made is None or final is None or not (records.contents.folder(made.id) / final.poster).is_file():
        return None
    return final.poster


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
