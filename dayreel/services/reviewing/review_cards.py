"""Review cards in chats: asking with buttons and a preview, and changing the message when the question is answered.

A card is asked once per revision, through the ledger. Changing one is `redraw_card`, what a press does `chat_review`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from dayreel.errors import (
    BusyError,
    ConfigurationError,
    DayreelError,
    GateClosedError,
    MediaError,
    ProviderError,
    StaleState,
    StoreError,
)
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.small_copy import small_copy
from dayreel.providers.notifiers.contract import PREVIEW, Button, Card, Notifier, ReviewNotifier
from dayreel.queries.prices import known_day_cost
from dayreel.queries.quality import checks_of
from dayreel.queries.review import approval_scope, as_approved, platform_words, snapshot_for_review, snapshot_text
from dayreel.queries.rows import ContentRow, DecisionRow, get_content, newest_verdict
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.quality import JudgedCheck, failed_checks, summary
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import Idea, Layer
from dayreel.schemas.effect import Effect, EffectKey, Permit, RecordHandle
from dayreel.schemas.manifest import Manifest
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.effects.ledger import effect_of
from dayreel.services.project import Project
from dayreel.services.reviewing.redraw_card import redraw_card, shown_of
from dayreel.stores.catalog.tables import effects

_LAYER: Final[Layer] = "review"
_OPEN_WORDS: Final[Mapping[str, str]] = {
    "endorsed": "approved by {by}; {wanted} people have to approve",
    "held": "on hold by {by}",
    "recalled": "recalled by {by}",
}
"""What the newest decision says while the question is open (again)."""


def card_of(project: Project, channel: Channel, row: ContentRow, *, revision: int, newest: DecisionRow | None) -> Card:
    """Return the card of one revision as it should look now.

    Args:
        newest: the newest decision on the content.
    """
    manifest = _manifest(project, row)
    idea, checks = manifest.idea if manifest else None, _checks(project, row, manifest)
    as_it_goes = as_approved(channel, row, newest)
    seen = snapshot_for_review(row, channel, approval_scope(row, as_it_goes, idea))
    until = row.review_deadline_at
    facts = [f"revision {revision}", f"until {until:%Y-%m-%d %H:%M} UTC" if until else "no deadline"]
    if newest is not None and newest.verdict in _OPEN_WORDS and newest.revision == revision:
        facts.append(_OPEN_WORDS[newest.verdict].format(by=newest.decided_by, wanted=channel.review.approvals))
    if revision == row.revision:
        facts.append(summary(checks))
    # No Approve where a check has failed: it would be refused, and a waiver takes a reason, which the desk asks for.
    buttons: tuple[Button, ...] = ("reject", "edit") if failed_checks(checks) else ("approve", "reject", "edit")
    return Card(
        marker=f"{row.id}/r{revision}",
        ticket=f"{row.id} {snapshot_text(seen)}",
        title=f"{channel.title} · {row.id}",
        idea=row.idea or "",
        caption=row.caption or "",
        facts=tuple(facts),
        link=f"{project.settings.desk_address}/content/{row.id}",
        outcome=_outcome(project, row, revision, newest),
        words=_words(as_it_goes, row, idea),
        buttons=buttons,
    )


def checks_in_words(project: Project, row: ContentRow) -> str:
    """Return in one line how the checks of a content's video stand."""
    return summary(_checks(project, row, _manifest(project, row)))


def _checks(project: Project, row: ContentRow, manifest: Manifest | None) -> tuple[JudgedCheck, ...]:
    with project.catalog.read() as connection:
        return checks_of(connection, row, manifest.final_video if manifest else None)


def _manifest(project: Project, row: ContentRow) -> Manifest | None:
    try:
        return project.contents.manifest(row.id)
    except DayreelError:
        return None  # the approval itself refuses then, and says why


def _words(channel: Channel, row: ContentRow, idea: Idea | None) -> tuple[tuple[str, str], ...]:
    """Return what each platform gets besides the caption, which the card shows by itself: an approval is for it too."""
    cards = []
    for words in platform_words(channel, row.id, row.caption or "", idea):
        title = f"Title: {words.title}" if words.title else ""
        lines = (title, words.problem or words.added, words.settings_text)
        cards.append((words.platform, "\n".join(filter(None, lines))))
    return tuple(cards)


def ask_in_chat(project: Project, channel: Channel, row: ContentRow, *, notifier: ReviewNotifier) -> str:
    """Post the card of the present revision with its preview, once; return what is worth reporting, or nothing.

    Raises:
        ProviderError, GateClosedError, BusyError: the card is not there; a missing preview is only reported.
    """
    card = card_of(project, channel, row, revision=row.revision, newest=None)
    key = EffectKey(row.id, "notification", notifier.name, row.revision, fingerprint(revision=row.revision))
    request = {"marker": card.marker, "text": card.title, "shown": shown_of(card)}
    notes: list[str] = []

    # The preview is made in here, where the card is really sent: one that is there already takes no second encode.
    def ask(permit: Permit, _handle: dict[str, Any], record: RecordHandle) -> Done:
        preview = _preview(project, row, notifier, notes) if notifier.preview_rides_along else None
        sent = notifier.ask(permit, card, preview=preview)
        record(sent)
        return Done({**request, **sent})

    asked = project.ledger.perform(Intent(key, channel, row.day, _LAYER, request=request), ask)
    if not notifier.preview_rides_along:
        notes += _attach(project, channel, row, asked, notifier)
    return "; ".join(notes)


def redraw_cards(project: Project, content_id: str) -> list[str]:
    """Make every card of a content show how it stands now; return a sentence for each that could not be changed.

    An answered question loses its buttons and says who answered; an older revision says that there is a newer one; an
    edited caption is shown, with buttons for it.
    """
    with project.catalog.read() as connection:
        row = get_content(connection, content_id)
        newest = newest_verdict(connection, content_id)
        query = select(effects).where(effects.c.content_id == content_id, effects.c.kind == "notification")
        rows = connection.execute(query.where(effects.c.state == "confirmed").order_by(effects.c.id)).mappings()
        cards = [effect for effect in map(effect_of, rows) if "shown" in effect.result and "of" not in effect.result]
    problems = []
    for card in cards:
        try:
            _redraw(project, row, newest, card)
        except (ProviderError, ConfigurationError, GateClosedError, BusyError) as error:
            problems.append(
                f"the message at {card.key.target} still shows revision {card.key.sequence} as it was: {error}"
            )
    return problems


def waiting_messages(project: Project, *, targets: Sequence[str]) -> list[tuple[str, datetime]]:
    """Return the contents with a card that could not be sent or changed so far, each with when it was first tried.

    Args:
        targets: the notifiers' names; what another one should have asked is nobody's work any more.
    """
    # Through the index on a state that few rows have; see `chores`.
    query = select(effects).where(effects.c.state == "intended")
    with project.catalog.read() as connection:
        rows = [row for row in connection.execute(query).mappings() if row["world"] == project.settings.world]
        # Cards about no content are `footage.library.gate_cards`.
        cards = [row for row in rows if row["content_id"] is not None and "shown" in row["request"]]
        return [(row["content_id"], row["created_at"]) for row in cards if _is_wanted(connection, row, targets)]


def send_waiting(project: Project, *, notifiers: Sequence[Notifier]) -> list[str]:
    """Try the cards that could not be sent or changed again; return a sentence for each content."""
    outcomes = []
    targets = [notifier.name for notifier in notifiers]
    for content_id in dict.fromkeys(message for message, _ in waiting_messages(project, targets=targets)):
        with project.catalog.read() as connection:
            row = get_content(connection, content_id)
        left = redraw_cards(project, content_id)
        chats = [notifier for notifier in notifiers if isinstance(notifier, ReviewNotifier)]
        for notifier in chats if row.state == "review_pending" else ():
            try:
                ask_in_chat(project, project.channels.load(row.channel), row, notifier=notifier)
            except (ProviderError, ConfigurationError, GateClosedError, BusyError) as error:
                left.append(str(error))
        outcomes.append(f"{content_id}: {'; '.join(left) or 'its message shows how it stands'}")
    return outcomes


def _is_wanted(connection: Connection, row: RowMapping, targets: Sequence[str]) -> bool:
    """Return whether a card that waits still says something: the newest of its revision, a question only while open."""
    same = [effects.c[name] == row[name] for name in ("content_id", "kind", "target", "sequence")]
    later = connection.execute(select(effects.c.request).where(*same, effects.c.id > row["id"])).scalars()
    if any("shown" in request for request in later):
        return False
    if "of" in row["request"]:
        return True
    content = get_content(connection, row["content_id"])
    return row["target"] in targets and content.state == "review_pending" and content.revision == row["sequence"]


def _redraw(project: Project, row: ContentRow, newest: DecisionRow | None, asked: Effect) -> None:
    channel = project.channels.load(row.channel)
    card = card_of(project, channel, row, revision=asked.key.sequence, newest=newest)
    if shown_of(card) != asked.result["shown"]:
        redraw_card(project, asked, card, channel=channel, day=row.day)


def _attach(project: Project, channel: Channel, row: ContentRow, asked: Effect, notifier: ReviewNotifier) -> list[str]:
    marker = f"{row.id}/r{row.revision}{PREVIEW}"
    notes: list[str] = []
    # An act of its own: a preview that cannot be sent takes nothing from the question, which is there.
    key = EffectKey(row.id, "notification", notifier.name, row.revision, fingerprint(preview=row.revision))

    def attach(permit: Permit, _handle: dict[str, Any], record: RecordHandle) -> Done:
        preview = _preview(project, row, notifier, notes)
        if preview is None:
            return Done({"marker": marker})
        sent = notifier.attach(permit, asked.result, preview, marker=marker)
        record(sent)
        return Done({"marker": marker, **sent})

    try:
        project.ledger.perform(Intent(key, channel, row.day, _LAYER, request={"marker": marker}), attach)
    except (ProviderError, GateClosedError, BusyError) as error:
        notes.append(f"without its preview: {error}")
    return notes


def _preview(project: Project, row: ContentRow, notifier: ReviewNotifier, notes: list[str]) -> Path | None:
    """Return the video itself where it is small enough, else a small copy; None, and a sentence, where that fails."""
    try:
        final = project.contents.fetched(row.id).final_video
        if final is None:
            return None
        video = project.contents.path(row.id, final.file)
        if video.stat().st_size <= notifier.preview_limit_bytes:
            return video
        copy = project.settings.var_dir / "previews" / f"{row.id}-r{row.revision}.mp4"
        if copy.exists():
            return copy
        return small_copy(
            video, copy, most_bytes=notifier.preview_limit_bytes, ffmpeg=find_ffmpeg(project.settings.ffmpeg)
        )
    except (MediaError, StoreError, StaleState, OSError) as error:
        notes.append(f"without its preview: {error}")
        return None


def _outcome(project: Project, row: ContentRow, revision: int, newest: DecisionRow | None) -> str | None:
    if revision < row.revision:
        return f"Superseded: revision {row.revision} has a message of its own. Nothing pressed here counts any more."
    if row.state == "review_pending":
        return None
    if newest is not None and newest.verdict in ("approved", "rejected", "held"):
        verdict = f"{newest.verdict.capitalize()} by {newest.decided_by}, {newest.decided_at:%Y-%m-%d %H:%M} UTC"
        return f"{verdict}. {_retake(project, row)}" if row.state == "rejected" else verdict
    if row.state == "expired":
        return "Expired: nobody decided in time."
    return f"Closed: it is {row.state}."


def _retake(project: Project, row: ContentRow) -> str:
    """Return where another take of the day is begun, and what it costs as far as the prices are known."""
    usd = known_day_cost(project, row.channel)
    price = "" if usd is None else f" (about ${usd:.2f})"
    return f"Another take{price}: {project.settings.desk_address}/content/{row.id}"
