"""The calendar: past and planned days of each channel, pinning an idea to a day, letting a channel rest."""

from starlette.responses import Response

from dayreel.desk.pages.page import PageRequest
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


def calendar(request: PageRequest) -> Response:
    """Show a month of a channel.

    Raises:
        UsageError: there is no such channel.
    """
    month = month_of(
        request.desk.project,
        request.desk.queue_cache,
        name=request.query("channel") or None,
        month=request.query("month") or None,
    )
    return request.show("calendar.html", month=month)


def day(request: PageRequest) -> Response:
    """Show a day, and where nothing is made of it yet, ask what it is to be about.

    Raises:
        UsageError: no such channel, or no date.
    """
    project, name = request.desk.project, request.path("channel")
    channel, day_view = day_of(project, request.desk.queue_cache, name, parse_day(request.path("day")))
    return request.show("day.html", channel=channel, day=day_view, usd=known_day_cost(project, name))


def pin(request: PageRequest) -> Response:
    """Pin an idea.

    Raises:
        UsageError: the words are too short or too long, or the channel is not made on that day.
        StaleState: the day has its idea already.
    """
    name, on = request.path("channel"), parse_day(request.path("day"))
    caption = request.field("caption").strip() or None
    pin_idea(request.project, name, on, request.field("idea"), caption=caption, by=request.person.name, via=request.via)
    return request.done(f"/calendar/{name}/{on}", "pinned", channel=name, day=on.isoformat())


def unpin(request: PageRequest) -> Response:
    """Take a pinned idea away."""
    name, on = request.path("channel"), parse_day(request.path("day"))
    unpin_idea(request.project, name, on, by=request.person.name, via=request.via)
    return request.done(f"/calendar/{name}/{on}", "unpinned", channel=name, day=on.isoformat())


def make(request: PageRequest) -> Response:
    """Have a day made that is due or was missed, beginning now.

    Raises:
        UsageError: no such channel, or the day is not one to make now: says why.
    """
    name, on = request.path("channel"), parse_day(request.path("day"))
    refusal = why_not_begun(request.project, request.project.channels.load(name), on)
    if refusal is not None:
        raise UsageError(f"It is not made: {refusal}.", next_step="The calendar shows what can be made.")
    request.note("make day", f"{name} {on}")
    request.desk.start(request.project, making_of(name, on), request.person.name)
    return request.done(f"/calendar/{name}/{on}", "making", channel=name, day=on.isoformat())


def skip(request: PageRequest) -> Response:
    """Have a channel leave a day out.

    Raises:
        UsageError: it is none of the channel's days, or something is made of it already.
    """
    name, on = request.path("channel"), parse_day(request.path("day"))
    note = request.field("note").strip()[:500] or None
    skip_day(request.project, name, on, note=note, by=request.person.name, via=request.via)
    return request.done(f"/calendar/{name}/{on}", "skipped", channel=name, day=on.isoformat())


def unskip(request: PageRequest) -> Response:
    """Let a skipped day be made after all."""
    name, on = request.path("channel"), parse_day(request.path("day"))
    unskip_day(request.project, name, on, by=request.person.name, via=request.via)
    return request.done(f"/calendar/{name}/{on}", "unskipped", channel=name, day=on.isoformat())


def pause(request: PageRequest) -> Response:
    """Let a channel rest.

    Raises:
        UsageError: no such channel, or the last day is over.
    """
    name, last = request.path("channel"), request.field("until")
    pause_channel(
        request.project,
        name,
        until=parse_day(last) if last else None,
        note=request.field("note").strip()[:500] or None,
        by=request.person.name,
        via=request.via,
    )
    return request.done(f"/calendar?channel={name}", "paused", channel=name)


def resume(request: PageRequest) -> Response:
    """Resume a paused channel."""
    name = request.path("channel")
    resume_channel(request.project, name, by=request.person.name, via=request.via)
    return request.done(f"/calendar?channel={name}", "resumed", channel=name)
