"""Asking people to review a final video: the state, the deadline, and one message to the reviewers."""

from collections.abc import Sequence
from datetime import timedelta

from dayreel.errors import ConfigurationError, ProviderError
from dayreel.providers.notifiers.contract import Message, Notifier, ReviewNotifier
from dayreel.queries.rows import ContentRow, get_content
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.lifecycle import WORKING
from dayreel.schemas.channel import Channel
from dayreel.schemas.effect import EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.project import Project
from dayreel.services.reviewing.review_cards import ask_in_chat, checks_in_words, redraw_cards
from dayreel.services.transitions import advance


def request_review(project: Project, channel: Channel, content_id: str) -> ContentRow:
    """Make a composed content wait for its review; one that already does, or is further, is left alone.

    A content whose stages were all looked at again and found done comes here from an earlier state; it is composed.

    Raises:
        StaleState: another process moved it first.
    """
    now = project.clock.now()
    with project.catalog.write() as connection:
        row = get_content(connection, content_id)
        if row.state not in (*WORKING, "failed"):
            return row
        if row.state == "failed":
            advance(connection, "content", content_id, "retry", at=now, actor=project.actor, error=None)
        if get_content(connection, content_id).state != "composing":
            advance(connection, "content", content_id, "compose", at=now, actor=project.actor, notes="nothing to do")
        deadline = now + timedelta(hours=channel.review.timeout_h)
        advance(
            connection,
            "content",
            content_id,
            "request_review",
            at=now,
            actor=project.actor,
            notes=f"revision {row.revision}",
            review_deadline_at=deadline,
        )
        return get_content(connection, content_id)


def notify_reviewers(project: Project, channel: Channel, row: ContentRow, *, notifiers: Sequence[Notifier]) -> str:
    """Notify people that a revision waits for review, once per revision; return the result in a sentence.

    In a chat it is a card with buttons, and the cards of older revisions say that they are superseded. A message that
    cannot be sent never holds the video back: the review is open either way, and the sentence says so.
    """
    outcomes = redraw_cards(project, row.id)
    for notifier in notifiers:
        note = ""
        try:
            if isinstance(notifier, ReviewNotifier):
                note = ask_in_chat(project, channel, row, notifier=notifier)
            else:
                _send_text(project, channel, row, notifier)
            outcomes += [f"{notifier.name} was notified", *([note] if note else [])]
        except (ProviderError, ConfigurationError) as error:
            outcomes.append(f"{notifier.name} was not notified: {error}")
    return "; ".join(outcomes)


def _send_text(project: Project, channel: Channel, row: ContentRow, notifier: Notifier) -> None:
    # The revision is the number of the act: each new video asks once, however often this is called.
    key = EffectKey(row.id, "notification", notifier.name, row.revision, fingerprint(revision=row.revision))
    text = (
        f"{row.id} (revision {row.revision}) waits for review until "
        f"{row.review_deadline_at.isoformat(timespec='minutes') if row.review_deadline_at else 'further notice'}.\n"
        f"{row.idea}\n{checks_in_words(project, row)}\n"
        f"`dayreel review approve {row.id}` or `dayreel review reject {row.id}`"
    )

    marker = f"{row.id}/r{row.revision}"

    def act(permit: Permit, handle: dict[str, object], record: RecordHandle) -> Done:
        sent = notifier.send(permit, Message(text=text, marker=marker))
        record(sent)
        return Done({"marker": marker, **handle, **sent})

    intent = Intent(key=key, channel=channel, day=row.day, layer="review", request={"marker": marker, "text": text})
    project.ledger.perform(intent, act)
