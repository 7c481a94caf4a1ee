"""Recording what a person said about a final video. The only writer of `decisions`; every face comes through here.

A decision is durable before this returns. It names the revision the person saw: a newer one refuses it. Turning it into
a materialization, and an approval into posts, is up to the sensor that reads the table.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from dayreel.errors import GateClosedError, StaleState, UsageError
from dayreel.rules.content_ids import parse_content_id
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.lifecycle import move
from dayreel.schemas.channel import Channel
from dayreel.services.studio import Studio
from dayreel.services.transitions import Trigger, advance
from dayreel.stores.catalog.reads import ContentRow, DecisionRow, get_content, newest_verdict
from dayreel.stores.catalog.tables import content, decisions, state_transitions

Verdict = Literal["approved", "rejected", "edited"]
Via = Literal["cli", "desk", "tui", "slack", "discord", "api"]
EVENTS: dict[Verdict, str] = {"approved": "approve", "rejected": "reject", "edited": "edit"}


@dataclass(frozen=True)
class Seen:
    """What a page showed: a decision made on it is refused when any of this has changed since.

    Attributes:
        revision: of the final video.
        version: of the content's row; every step of its lifecycle counts it up, an edited caption too.
        fields: fingerprint of the platforms' fields, see `seen_of`.
    """

    revision: int
    version: int
    fields: str


def seen_of(row: ContentRow, channel: Channel) -> Seen:
    """Return what somebody sees who is shown this content now."""
    return Seen(row.revision, row.version, fingerprint(fields=bound_fields(channel))[:16])


def decide(
    studio: Studio,
    content_id: str,
    verdict: Verdict,
    *,
    by: str,
    via: Via,
    revision: int | None = None,
    caption: str | None = None,
    note: str | None = None,
    seen: Seen | None = None,
) -> DecisionRow:
    """Record a decision and move the content on.

    Args:
        revision: the revision of the final video the person saw; left out, the one there is now.
        seen: everything the person saw, caption and platform fields too; for faces that show a page.
        caption: the new caption, for `edited` only.

    Raises:
        UsageError: no such content, it waits for no decision, or the caption is empty.
        GateClosedError: `by` may not decide on this channel.
        StaleState: the person saw another revision, or somebody else decided first; says who and when.
    """
    channel = studio.channels.load(parse_content_id(content_id).channel)
    with studio.catalog.write("decisions") as connection:
        row = get_content(connection, content_id)
        _may_decide(channel, by)
        _saw_this(connection, row, seen.revision if seen else revision)
        _still_possible(connection, row, verdict)
        _saw_all_of_it(connection, row, channel, seen)
        return _record(studio, connection, channel, row, verdict, by=by, via=via, caption=caption, note=note)


def bound_fields(channel: Channel) -> dict[str, dict[str, Any]]:
    """Return the fields of each of a channel's platforms, as an approval binds them."""
    return {name: fields.model_dump(mode="json") for name, fields in channel.platforms.chosen().items()}


def _may_decide(channel: Channel, by: str) -> None:
    if channel.review.who and by not in channel.review.who:
        raise GateClosedError(
            f"{by!r} may not decide on channel {channel.name!r}.",
            next_step=f"Those who may: {', '.join(channel.review.who)} (`review.who` in its file).",
        )


def _saw_this(connection: Connection, row: ContentRow, revision: int | None) -> None:
    if row.video_sha256 is None:
        raise UsageError(
            f"{row.id} has no final video yet (it is {row.state}).", next_step="`dayreel status` shows how far it is."
        )
    if revision is not None and revision != row.revision:
        newest = newest_verdict(connection, row.id)
        said = f"; the newest decision is {newest.verdict} by {newest.decided_by!r}" if newest else ""
        raise StaleState(
            f"You saw revision {revision} of {row.id}, and it is revision {row.revision} now{said}.",
            next_step="Look at the new one, then decide again; nothing was recorded.",
        )


def _still_possible(connection: Connection, row: ContentRow, verdict: Verdict) -> None:
    try:
        move("content", row.state, EVENTS[verdict])
    except UsageError as refusal:
        newest = newest_verdict(connection, row.id)
        if newest is None:
            raise
        raise StaleState(
            f"{row.id} is {row.state} already: {newest.decided_by!r} {newest.verdict} it at "
            f"{newest.decided_at.isoformat(timespec='seconds')} (via {newest.via}).",
            next_step=refusal.next_step,
        ) from refusal


def _saw_all_of_it(connection: Connection, row: ContentRow, channel: Channel, seen: Seen | None) -> None:
    if seen is None or seen == seen_of(row, channel):
        return
    since = connection.execute(
        select(state_transitions)
        .where(
            state_transitions.c.entity == "content",
            state_transitions.c.entity_id == row.id,
            state_transitions.c.version > seen.version,
        )
        .order_by(state_transitions.c.id)
    ).mappings()
    told = [f"{one['actor']!r}: {one['event']} at {one['at'].isoformat(timespec='seconds')}" for one in since]
    if seen.version == row.version:
        told = [f"the platform fields in channels/{channel.name}.yaml"]
    raise StaleState(
        f"{row.id} has changed since you saw it: {'; '.join(told) or 'it was made anew'}.",
        next_step="Look at it as it is now, then decide again; nothing was recorded.",
    )


def _record(
    studio: Studio,
    connection: Connection,
    channel: Channel,
    row: ContentRow,
    verdict: Verdict,
    *,
    by: str,
    via: Via,
    caption: str | None,
    note: str | None,
) -> DecisionRow:
    if verdict == "edited" and not (caption or "").strip():
        raise UsageError("An edit needs a caption.", next_step="Give it with --caption TEXT.")
    words = caption.strip() if verdict == "edited" and caption else row.caption or ""
    now = studio.clock.now()
    trigger: Trigger = "approval" if verdict == "approved" else "manual"
    advance(connection, "content", row.id, EVENTS[verdict], at=now, actor=by, trigger=trigger, notes=note)
    if verdict == "edited":
        connection.execute(update(content).where(content.c.id == row.id).values(caption=words))
    connection.execute(
        insert(decisions).values(
            content_id=row.id,
            verdict=verdict,
            revision=row.revision,
            video_sha256=row.video_sha256,
            caption=words,
            fields=bound_fields(channel),
            decided_by=by,
            via=via,
            note=note,
            decided_at=now,
        )
    )
    newest = newest_verdict(connection, row.id)
    assert newest is not None  # noqa: S101  it was inserted just above, in this transaction
    return newest
