"""The calendar: past and planned days of each channel, pinning an idea to a day, letting a channel rest."""

from starlette.responses import Response

from dayreel.desk.pages.frame import Visit
from dayreel.errors import UsageError
from dayreel.queries.calendar import day_of, month_of
from dayreel.queries.prices import known_day_cost
from dayreel.rules.content_ids import parse_day
from dayreel.services.making.open_content import why_not_begun
from dayreel.services.making.plan_days import (
    pause_channel,
    pin_idea,
    resume_channel,
    skip_day,
    unpin_idea,
    unskip_day,
)
from dayreel.services.upkeep.start_work import making_of


def calendar(visit: Visit) -> Response:
    """Show a month of a channel.

    Raises:
        UsageError: there is no such channel.
    """
    month = month_of(
        visit.room.studio,
        visit.room.queue_cache,
        name=visit.query("channel") or None,
        month=visit.query("month") or None,
    )
    return visit.show("calendar.html", month=month)


def day(visit: Visit) -> Response:
    """Show a day, and where nothing is made of it yet, ask what it is to be about.

    Raises:
        UsageError: no such channel, or no date.
    """
    studio, name = visit.room.studio, visit.path("channel")
    channel, found = day_of(studio, visit.room.queue_cache, name, parse_day(visit.path("day")))
    return visit.show("day.html", channel=channel, day=found, usd=known_day_cost(studio, name))


def pin(visit: Visit) -> Response:
    """Pin an idea.

    Raises:
        UsageError: the words are too short or too long, or the channel is not made on that day.
        StaleState: the day has its idea already.
    """
    name, on = visit.path("channel"), parse_day(visit.path("day"))
    caption = visit.field("caption").strip() or None
    pin_idea(visit.studio, name, on, visit.field("idea"), caption=caption, by=visit.person.name, via=visit.via)
    return visit.done(f"/calendar/{name}/{on}", "pinned", channel=name, day=on.isoformat())


def unpin(visit: Visit) -> Response:
    """Take a pinned idea away."""
    name, on = visit.path("channel"), parse_day(visit.path("day"))
    unpin_idea(visit.studio, name, on, by=visit.person.name, via=visit.via)
    return visit.done(f"/calendar/{name}/{on}", "unpinned", channel=name, day=on.isoformat())


def make(visit: Visit) -> Response:
    """Have a day made that is due or was missed, beginning now.

    Raises:
        UsageError: no such channel, or the day is not one to make now: says why.
    """
    name, on = visit.path("channel"), parse_day(visit.path("day"))
    refusal = why_not_begun(visit.studio, visit.studio.channels.load(name), on)
    if refusal is not None:
        raise UsageError(f"It is not made: {refusal}.", next_step="The calendar shows what can be made.")
    visit.note("make day", f"{name} {on}")
    visit.room.start(visit.studio, making_of(name, on), visit.person.name)
    return visit.done(f"/calendar/{name}/{on}", "making", channel=name, day=on.isoformat())


def skip(visit: Visit) -> Response:
    """Have a channel leave a day out.

    Raises:
        UsageError: it is none of the channel's days, or something is made of it already.
    """
    name, on = visit.path("channel"), parse_day(visit.path("day"))
    note = visit.field("note").strip()[:500] or None
    skip_day(visit.studio, name, on, note=note, by=visit.person.name, via=visit.via)
    return visit.done(f"/calendar/{name}/{on}", "skipped", channel=name, day=on.isoformat())


def unskip(visit: Visit) -> Response:
    """Let a skipped day be made after all."""
    name, on = visit.path("channel"), parse_day(visit.path("day"))
    unskip_day(visit.studio, name, on, by=visit.person.name, via=visit.via)
    return visit.done(f"/calendar/{name}/{on}", "unskipped", channel=name, day=on.isoformat())


def pause(visit: Visit) -> Response:
    """Let a channel rest.

    Raises:
        UsageError: no such channel, or the last day is over.
    """
    name, last = visit.path("channel"), visit.field("until")
    pause_channel(
        visit.studio,
        name,
        until=parse_day(last) if last else None,
        note=visit.field("note").strip()[:500] or None,
        by=visit.person.name,
        via=visit.via,
    )
    return visit.done(f"/calendar?channel={name}", "paused", channel=name)


def resume(visit: Visit) -> Response:
    """Let a paused channel go on."""
    name = visit.path("channel")
    resume_channel(visit.studio, name, by=visit.person.name, via=visit.via)
    return visit.done(f"/calendar?channel={name}", "resumed", channel=name)
