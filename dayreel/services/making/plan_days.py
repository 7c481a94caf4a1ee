"""What people plan: an idea pinned to a channel's day, a day that is skipped, a channel that is paused for a while.

All are rows of the catalog, changed here alone and by every face. `make_idea` takes a pinned idea instead of asking
for one; a pause is asked before a day is begun, before anything is bought, and among the publishing gates; a skipped
day is not begun.
"""

from datetime import date, timedelta

from pydantic import ValidationError
from sqlalchemy import delete, insert, update

from dayreel.clock import local_day
from dayreel.errors import GateClosedError, StaleState, UsageError
from dayreel.queries.rows import PinnedIdea, current_content, pause_of, pinned_idea, skipped_day
from dayreel.rules.calendar import why_never_made
from dayreel.rules.pauses import Pause
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import Idea
from dayreel.services.audit import note_act
from dayreel.services.making.content_safety import refuse_blocked
from dayreel.services.making.speakable import narration_words, why_not_speakable
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import channel_pauses, pinned_ideas, skipped_days

FURTHEST = timedelta(days=366)


def pin_idea(
    project: Project, name: str, day: date, idea: str, *, caption: str | None = None, by: str, via: str
) -> PinnedIdea:
    """Set the idea of a channel's day, instead of the one that was pinned before.

    Args:
        caption: the post's text; left out, it is written around the idea.

    Raises:
        UsageError: no such channel, it is not made on this day, or the words are too short, too long, or more than the
            channel can speak within its video.
        GateClosedError: the channel's file names who may decide, and `by` is not among them.
        StaleState: the day has its idea already.
        ConfigurationError: the channel's file cannot be read, or blocks a term that the idea uses.
    """
    channel = project.channels.load(name)
    require_planner(channel, by)
    _require_its_day(project, channel, day)
    words = as_idea(channel, idea, caption)
    refuse_blocked(channel, words, source=f"The idea for {name!r} on {day}")
    values = {
        "idea": words.idea,
        "caption": words.caption if caption and caption.strip() else None,
        "pinned_by": by,
        "pinned_at": project.clock.now(),
    }
    with project.catalog.write("plans") as connection:
        made = current_content(connection, name, day)
        # A failed or rejected take may get another idea: its next take, or its retry, begins with one.
        if made is not None and made.idea is not None and made.state not in ("failed", "rejected", "expired"):
            raise StaleState(
                f"{made.id} has its idea already (it is {made.state}).",
                next_step=f"Reject it first, pin, then `dayreel retry {made.id} --new-take`.",
            )
        of_this = (pinned_ideas.c.channel == name, pinned_ideas.c.day == day)
        if connection.execute(update(pinned_ideas).where(*of_this).values(**values)).rowcount == 0:
            connection.execute(insert(pinned_ideas).values(channel=name, day=day, **values))
        note_act(
            connection,
            "pin idea",
            f"{name} {day}",
            actor=by,
            at=project.clock.now(),
            via=via,
            detail=_audit_detail(words),
        )
        pinned = pinned_idea(connection, name, day)
    assert pinned is not None  # noqa: S101  it was written just above, in this transaction
    return pinned


def unpin_idea(project: Project, name: str, day: date, *, by: str, via: str) -> None:
    """Take a pinned idea away; what was made from it stays.

    Raises:
        UsageError: no idea is pinned to this day.
        GateClosedError: as in `pin_idea`.
    """
    require_planner(project.channels.load(name), by)
    with project.catalog.write("plans") as connection:
        gone = delete(pinned_ideas).where(pinned_ideas.c.channel == name, pinned_ideas.c.day == day)
        if connection.execute(gone).rowcount == 0:
            raise UsageError(f"No idea is pinned to {name!r} on {day}.", next_step="The calendar shows those that are.")
        note_act(connection, "unpin idea", f"{name} {day}", actor=by, at=project.clock.now(), via=via)


def pause_channel(
    project: Project, name: str, *, until: date | None = None, note: str | None = None, by: str, via: str
) -> Pause:
    """Let a channel rest: no day of it is begun, nothing bought or posted, effective at the next send.

    Args:
        until: the last day of the pause, in the channel's zone; left out, until somebody resumes it.

    Raises:
        UsageError: no such channel, or `until` is over.
    """
    channel = project.channels.load(name)
    now = project.clock.now()
    if until is not None and until < local_day(now, channel.timezone):
        raise UsageError(f"{until} is over in {channel.timezone}.", next_step="Name today or a later day.")
    values = {"until_on": until, "note": note, "paused_by": by, "paused_at": now}
    # Under the ledger's lock: a purchase has either been claimed before the pause, or sees it.
    with project.catalog.write("money") as connection:
        if (
            connection.execute(update(channel_pauses).where(channel_pauses.c.channel == name).values(**values)).rowcount
            == 0
        ):
            connection.execute(insert(channel_pauses).values(channel=name, **values))
        detail = {"until": until.isoformat() if until else None, "note": note}
        note_act(connection, "pause channel", name, actor=by, at=now, via=via, detail=detail)
    return Pause(until, by, now, note)


def resume_channel(project: Project, name: str, *, by: str, via: str) -> None:
    """Resume a paused channel. Days that passed meanwhile are not made automatically.

    Raises:
        UsageError: no such channel, or it is not paused.
    """
    project.channels.load(name)
    with project.catalog.write("money") as connection:
        if pause_of(connection, name) is None:
            raise UsageError(f"Channel {name!r} is not paused.", next_step="Nothing had to be done.")
        connection.execute(delete(channel_pauses).where(channel_pauses.c.channel == name))
        note_act(connection, "resume channel", name, actor=by, at=project.clock.now(), via=via)


def skip_day(project: Project, name: str, day: date, *, note: str | None = None, by: str, via: str) -> None:
    """Skip a day of a channel: it is not made by schedule, by a backfill, or at a prompt.

    Raises:
        UsageError: no such channel, it is not made on this day anyway, or the day is made already.
        GateClosedError: as in `pin_idea`.
    """
    channel = project.channels.load(name)
    require_planner(channel, by)
    never = why_never_made(channel, day)
    if never is not None:
        raise UsageError(f"There is nothing to skip: {never}.", next_step="Nothing was recorded.")
    now = project.clock.now()
    with project.catalog.write("plans") as connection:
        made = current_content(connection, name, day)
        if made is not None:
            raise UsageError(
                f"{made.id} was begun already (it is {made.state}).",
                next_step=f"`dayreel review reject {made.id}` keeps it from going out, once it waits for its review.",
            )
        if skipped_day(connection, name, day) is None:
            values = {"note": note, "skipped_by": by, "skipped_at": now}
            connection.execute(insert(skipped_days).values(channel=name, day=day, **values))
        note_act(connection, "skip day", f"{name} {day}", actor=by, at=now, via=via, detail={"note": note})


def unskip_day(project: Project, name: str, day: date, *, by: str, via: str) -> None:
    """Let a skipped day be made after all; nothing is begun by this.

    Raises:
        UsageError: no such channel, or the day is not skipped.
        GateClosedError: as in `pin_idea`.
    """
    require_planner(project.channels.load(name), by)
    with project.catalog.write("plans") as connection:
        gone = delete(skipped_days).where(skipped_days.c.channel == name, skipped_days.c.day == day)
        if connection.execute(gone).rowcount == 0:
            raise UsageError(f"{day} of channel {name!r} is not skipped.", next_step="Nothing had to be done.")
        note_act(connection, "unskip day", f"{name} {day}", actor=by, at=project.clock.now(), via=via)


def as_idea(channel: Channel, idea: str, caption: str | None) -> Idea:
    """Return a person's words as an idea that needs no language model.

    Raises:
        UsageError: they are too short, too long, or more than the channel can speak; says which, and what is allowed.
    """
    text = idea.strip().replace("\r\n", "\n")
    try:
        words = Idea(
            idea=text,
            caption=(caption or "").strip().replace("\r\n", "\n") or text,
            topic=channel.title,
            narration=text if channel.narration else "",
        )
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise UsageError(f"This cannot be pinned: {faults}.", next_step="An idea has 10 to 600 characters.") from None
    # Where a model writes around the idea, it writes the narration too, and is asked again for one that fits.
    unspeakable = why_not_speakable(channel, words.narration) if channel.ideas.provider == "calendar" else None
    if unspeakable is not None:
        raise UsageError(
            f"This cannot be pinned: channel {channel.name!r} speaks it word for word, and {unspeakable}.",
            next_step=f"Shorten it to {narration_words(channel)} words, or change the channel's `segments` or voice.",
        )
    return words


def require_planner(channel: Channel, by: str) -> None:
    """Let those pass who may decide on the channel: a pinned idea is as much their word as an approval.

    Raises:
        GateClosedError: names those who may.
    """
    if not channel.review.allows(by):
        raise GateClosedError(
            f"{by!r} may not plan for channel {channel.name!r}.",
            next_step=f"Those who may: {', '.join(channel.review.who)} (`review.who` in its file).",
        )


def _require_its_day(project: Project, channel: Channel, day: date) -> None:
    today = local_day(project.clock.now(), channel.timezone)
    refusal = why_never_made(channel, day)
    if refusal is None and day > today + FURTHEST:
        refusal = f"{day} is more than a year away"
    if refusal is not None:
        raise UsageError(f"No idea can be pinned there: {refusal}.", next_step=f"See channels/{channel.name}.yaml.")


def _audit_detail(words: Idea) -> dict[str, str]:
    return {"idea": words.idea[:200]}
