"""Recording what a person said about a final video. The only writer of `decisions`; every face comes through here.

A decision is durable before this returns. It names the revision the person saw: a newer one refuses it. Turning it into
a materialization, and an approval into posts, is up to the sensor that reads the table.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy import null as sql_null

from dayreel.errors import GateClosedError, StaleState, UsageError
from dayreel.queries.accounts import newest_accounts
from dayreel.queries.people import approvers, counts_as_person, decider, name_behind
from dayreel.queries.quality import checks_of
from dayreel.queries.review import (
    EVENTS,
    DecisionVerdict,
    ReviewSnapshot,
    approval_scope,
    as_approved,
    bound_fields,
    possible_events,
    snapshot_for_review,
)
from dayreel.queries.rows import ContentRow, DecisionRow, get_content, newest_verdict, other_open_take
from dayreel.rules.approval import ApprovalScope
from dayreel.rules.captions import kept_caption
from dayreel.rules.content_ids import parse_content_id
from dayreel.rules.lifecycle import CONTENT, move
from dayreel.rules.quality import JudgedCheck, failed_checks, not_passed
from dayreel.schemas.channel import Channel
from dayreel.schemas.manifest import Manifest
from dayreel.schemas.person import LOGIN, name_key
from dayreel.services.project import Project, login_name
from dayreel.services.reviewing.post_settings import FieldChanges, own_fields
from dayreel.services.transitions import Trigger, advance
from dayreel.stores.catalog.tables import content, decisions, state_transitions

Via = str
"""Where somebody decided: `cli`, `desk`, `tui`, `api`, or the name of a chat."""
_PAST: Mapping[str, str] = {**{event: verdict for verdict, event in EVENTS.items()}, "endorse": "endorsed"}


def decide(
    project: Project,
    content_id: str,
    verdict: DecisionVerdict,
    *,
    by: str,
    via: Via,
    revision: int | None = None,
    caption: str | None = None,
    settings: FieldChanges | None = None,
    note: str | None = None,
    seen: ReviewSnapshot | None = None,
) -> DecisionRow:
    """Record a decision and move the content on.

    An approval is recorded as `endorsed` as long as `review.approvals` of the channel asks for more people. A hold
    keeps a content from going out and from expiring; a recall, like an edit, asks for its review again.

    Args:
        revision: the revision of the final video the person saw; left out, the one there is now.
        seen: everything the person saw, caption and platform fields too; for faces that show a page.
        caption: the new caption, for `edited` only; left out, it stays.
        settings: for `edited` only: fields of its posts that hold for this content alone from now on.

    Raises:
        UsageError: no such content, it waits for no such decision, or the caption or a field cannot be kept.
        GateClosedError: `by` may not decide on this channel, a failed check is not waived, or another take of the day
            is under way or out.
        StaleState: the person saw another revision, or somebody else decided first; says who and when.
        StoreError: what would go out with an approval cannot be read.
    """
    channel = project.channels.load(parse_content_id(content_id).channel)
    # An approval is for every word that goes out and every check, which takes the manifest; the bucket is not asked in
    # the transaction.
    manifest = fetched_manifest(project, content_id) if verdict == "approved" or settings else None
    with project.catalog.write("decisions") as connection:
        row = get_content(connection, content_id)
        # As the project knows this person: two accounts of one were once counted as two people.
        by = decider(connection, channel, by)
        saw_this(connection, row, seen.revision if seen else revision)
        _still_possible(connection, row, verdict)
        as_it_goes = as_approved(channel, row, newest_verdict(connection, row.id))
        bound = None
        if verdict == "approved" and manifest is not None:
            bound = approval_scope(row, as_it_goes, manifest.idea)
        _saw_all_of_it(connection, row, channel, seen, bound)
        if bound is not None and manifest is not None:
            _require_quality(connection, row, manifest)
            _require_only_take(connection, row, project.settings.world)
        if verdict == "edited":
            final = manifest.final_video if manifest else None
            duration_s = final.duration_s if final else None
            own = own_fields(project, channel, row, settings, duration_s) if settings else row.post_fields
            edit = {"caption": row.caption if caption is None and settings else kept_caption(caption or "")}
            connection.execute(
                update(content).where(content.c.id == row.id).values(**edit, post_fields=own or sql_null())
            )
            row = get_content(connection, content_id)
            as_it_goes = as_approved(channel, row, None)
        return _record(project, connection, as_it_goes, row, verdict, bound, by=by, via=via, note=note)


def fetched_manifest(project: Project, content_id: str) -> Manifest:
    """Return the manifest of a content, from the bucket where that has a newer one.

    Raises:
        UsageError: no such content.
        StoreError: it cannot be read.
    """
    with project.catalog.read() as connection:
        get_content(connection, content_id)
    return project.contents.fetched(content_id)


def present_checks(connection: Connection, row: ContentRow, manifest: Manifest) -> tuple[JudgedCheck, ...]:
    """Return the checks of the video that waits, from a manifest that was read before this transaction.

    Raises:
        StaleState: the manifest is about another video.
    """
    final = manifest.final_video
    if final is None or final.file.sha256 != row.video_sha256:
        raise StaleState(
            f"The checks in the folder of {row.id} are those of another video than the one that waits.",
            next_step="It is being made again, or its folder is an older one; look again, then decide again.",
        )
    return checks_of(connection, row, final)


def _require_quality(connection: Connection, row: ContentRow, manifest: Manifest) -> None:
    failed = failed_checks(present_checks(connection, row, manifest))
    if failed:
        raise GateClosedError(
            f"{row.id} was not approved: {not_passed(failed)}.",
            next_step=f"Reject it, or waive each failed check with a reason: `dayreel review waive {row.id} "
            f"{failed[0].name} --reason TEXT`; nothing was recorded.",
        )


def _require_only_take(connection: Connection, row: ContentRow, world: str) -> None:
    """Refuse a second video of one day: a take that was rejected may be approved later, but not beside another one."""
    other = other_open_take(connection, row, world)
    if other is not None:
        raise GateClosedError(
            f"{row.id} was not approved: another take of that day, {other.id}, is {other.state}.",
            next_step=f"A day has one video. `dayreel review reject {other.id}` makes room for this one, as long as "
            "that is not out; nothing was recorded.",
        )


def saw_this(connection: Connection, row: ContentRow, revision: int | None) -> None:
    """Refuse somebody who saw another final video than there is now.

    Raises:
        UsageError: there is no final video yet.
        StaleState: it is another revision.
    """
    if row.video_sha256 is None:
        raise UsageError(
            f"{row.id} has no final video yet (it is {row.state}).", next_step="`dayreel status` shows how far it is."
        )
    if revision is not None and revision != row.revision:
        newest = newest_verdict(connection, row.id)
        decided = f"; the newest decision is {newest.verdict} by {newest.decided_by!r}" if newest else ""
        raise StaleState(
            f"You saw revision {revision} of {row.id}, and it is revision {row.revision} now{decided}.",
            next_step="Look at the new one, then decide again; nothing was recorded.",
        )


def _still_possible(connection: Connection, row: ContentRow, verdict: DecisionVerdict) -> None:
    newest = newest_verdict(connection, row.id)
    possible = possible_events(row, newest.verdict if newest else None)
    if EVENTS[verdict] in possible:
        return
    if newest is None:
        move("content", row.state, EVENTS[verdict])  # says in the lifecycle's own words what is possible instead
        raise UsageError(f"There is nothing to {EVENTS[verdict]} about {row.id}.", next_step="Nothing was recorded.")
    raise StaleState(
        f"{row.id} is {row.state} already: {newest.decided_by!r} {newest.verdict} it at "
        f"{_when(newest.decided_at)} (via {newest.via}).",
        next_step=f"Possible from here: {', '.join(sorted(possible)) or 'nothing, it is final'}.",
    )


def _saw_all_of_it(
    connection: Connection, row: ContentRow, channel: Channel, seen: ReviewSnapshot | None, bound: ApprovalScope | None
) -> None:
    if seen is None:
        return
    if bound is None:  # only an approval is for the words as well
        seen = replace(seen, words="")
    now = snapshot_for_review(row, channel, bound if seen.words else None)
    if seen == now:
        return
    since = (
        connection.execute(
            select(state_transitions)
            .where(
                state_transitions.c.entity == "content",
                state_transitions.c.entity_id == row.id,
                state_transitions.c.version > seen.version,
            )
            .order_by(state_transitions.c.id)
        )
        .mappings()
        .all()
    )
    only_endorsed = bool(since) and all(
        event["event"] == "endorse" and event["from_state"] == row.state for event in since
    )
    if only_endorsed and (seen.fields, seen.words) == (now.fields, now.words):
        return  # somebody else approved the very same thing meanwhile
    changes = [
        f"{event['actor']!r} {_PAST.get(event['event'], event['event'])} it at {_when(event['at'])}" for event in since
    ]
    if seen.version == row.version:
        changes = (
            [f"the platform fields in channels/{channel.name}.yaml"]
            if seen.fields != now.fields
            else ["the title or the hashtags that a platform gets"]
        )
    raise StaleState(
        f"{row.id} has changed since you saw it: {'; '.join(changes) or 'it was made again'}.",
        next_step="Look at it as it is now, then decide again; nothing was recorded.",
    )


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _record(
    project: Project,
    connection: Connection,
    channel: Channel,
    row: ContentRow,
    verdict: DecisionVerdict,
    bound: ApprovalScope | None,
    *,
    by: str,
    via: Via,
    note: str | None,
) -> DecisionRow:
    now = project.clock.now()
    trigger: Trigger = "approval" if verdict == "approved" else "manual"
    recorded, event = str(verdict), EVENTS[verdict]
    if bound is not None and not _is_the_last_needed(connection, channel, row, bound, by, via):
        recorded, event = "endorsed", "endorse"
    deadline = _deadline(channel, row, event, now)
    advance(connection, "content", row.id, event, at=now, actor=by, trigger=trigger, notes=note, **deadline)
    connection.execute(
        insert(decisions).values(
            content_id=row.id,
            verdict=recorded,
            revision=row.revision,
            video_sha256=row.video_sha256,
            caption=row.caption or "",
            fields=bound_fields(channel),
            decided_by=by,
            via=via,
            note=note,
            decided_at=now,
            words=bound.words if bound is not None else None,
            accounts=None if bound is None else _accounts(project, connection, channel),
        )
    )
    newest = newest_verdict(connection, row.id)
    assert newest is not None  # noqa: S101  it was inserted just above, in this transaction
    return newest


def _accounts(project: Project, connection: Connection, channel: Channel) -> dict[str, dict[str, str]]:
    """Return to which accounts an approval given now is bound, by platform, as far as they are known."""
    known = newest_accounts(connection, project.settings.world)
    return {name: vars(known[name]) for name in channel.platforms.chosen() if name in known}


def _is_the_last_needed(
    connection: Connection, channel: Channel, row: ContentRow, bound: ApprovalScope, by: str, via: Via
) -> bool:
    """Return whether enough people have approved with this one.

    Raises:
        GateClosedError: several people are needed, and this one is not known, or speaks from somebody else's login.
        StaleState: this person has approved exactly this already, and another one has to.
    """
    needed = channel.review.approvals
    if needed == 1:
        return True
    _require_known_person(connection, channel, by, via)
    already = approvers(connection, channel, row.id, bound)
    if name_key(by) in map(name_key, already):
        raise StaleState(
            f"{by!r} has approved {row.id} already; channel {channel.name!r} asks for {needed} people.",
            next_step="Somebody else has to approve it too; nothing was recorded.",
        )
    return len(already) + 1 >= needed


def _require_known_person(connection: Connection, channel: Channel, by: str, via: Via) -> None:
    needed = channel.review.approvals
    if not counts_as_person(connection, channel, by):
        raise GateClosedError(
            f"Channel {channel.name!r} asks for {needed} people, and {by!r} is not one that is known.",
            next_step="`dayreel users add NAME` makes somebody known, `dayreel users connect NAME CHAT ID` maps an "
            "account of a chat to them; nothing was recorded.",
        )
    if via not in ("cli", "tui"):
        return  # the desk has authenticated them, and a chat's account is mapped to them
    login = login_name()
    if name_key(name_behind(connection, LOGIN, login) or login) != name_key(by):
        raise GateClosedError(
            f"{by!r} cannot approve from the login {login!r}: channel {channel.name!r} asks for {needed} people, and a "
            "login speaks for one person alone.",
            next_step=f"`dayreel users connect NAME login {login}` says whose login it is. Others approve at the "
            "desk or in a chat; nothing was recorded.",
        )


def _deadline(channel: Channel, row: ContentRow, event: str, now: datetime) -> dict[str, Any]:
    """Return the column that says until when a review is open, where this event changes it."""
    # A hold stops the clock and a recall starts it again. An edit of what waits already keeps its deadline, or edits
    # could keep a review open for ever.
    if event == "hold":
        return {"review_deadline_at": None}
    leads_to_review = CONTENT.get((row.state, event)) == "review_pending"
    if leads_to_review and (event == "recall" or row.state != "review_pending" or row.review_deadline_at is None):
        return {"review_deadline_at": now + timedelta(hours=channel.review.timeout_h)}
    return {}
