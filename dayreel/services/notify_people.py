"""Notifying people once: a notification is an effect like any other, so a restart never sends it twice.

Who is notified of what is `services.notifier_routes`.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, not_, select

from dayreel.clock import local_day
from dayreel.errors import ConfigurationError, ProviderError
from dayreel.providers.notifiers.contract import Card, Message, Notifier, ReviewNotifier
from dayreel.queries.rows import ContentRow
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.effect import NO_CONTENT, EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.effects.ledger import reopen
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import effects

_NOTIFIED: Final = ("sent", "confirmed", "refused", "unknown")
_REMEMBERED: Final = 1000
REFUSED_RESTS: Final = timedelta(days=1)
"""A messenger that refuses (a wrong key, a room that is gone) is asked again after so long."""


def notify_once(
    project: Project,
    row: ContentRow | None,
    subject: str,
    text: str,
    *,
    notifiers: Sequence[Notifier],
    name: str | None = None,
    about: Sequence[str] = (),
    card: Card | None = None,
) -> str:
    """Send `text` to each notifier to which `subject` was not sent before; return in a sentence what became of it.

    A message that cannot be sent holds nothing back; the sentence says so, and a later call tries again.

    Args:
        row: the content that the message belongs to; None where it is about none.
        subject: what it is about, unique within the content: `reminder/r1`.
        name: what people see in place of a content's id, where the message is about no content.
        about: the single things that it reports, for `notified_about`.
        card: what a chat shows instead of the text, with its buttons; its marker has to be `marker_of(name, subject)`.

    Raises:
        ConfigurationError: the channel file of the content cannot be read.
    """
    name = name or ("project" if row is None else row.id)
    marker = marker_of(name, subject)
    request: dict[str, Any] = {"marker": marker, "text": text, **({"about": list(about)} if about else {})}
    channel = None if row is None else project.channels.load(row.channel)
    day = project_today(project) if row is None else row.day
    outcomes, notified = [], []
    for notifier in notifiers:
        key = key_of(row, subject, notifier.name)
        if row is None:
            _reopen_rested(project, key)
        # Nothing waits for a message: what cannot be sent is a sentence in the log of the run, and is due again.
        try:
            project.ledger.perform(
                Intent(key, channel, day, "review", request=request), _sending(notifier, text, marker, card)
            )
            notified.append(notifier.name)
        except (ProviderError, ConfigurationError) as error:
            outcomes.append(f"{notifier.name} was not notified: {error}")
    if notified:
        outcomes.append(f"{' and '.join(notified)} {'was' if len(notified) == 1 else 'were'} notified: {text}")
    return f"{name}: {'; '.join(outcomes)}"


def _sending(
    notifier: Notifier, text: str, marker: str, card: Card | None
) -> Callable[[Permit, dict[str, object], RecordHandle], Done]:

    def act(permit: Permit, handle: dict[str, object], record: RecordHandle) -> Done:
        if card is not None and isinstance(notifier, ReviewNotifier):
            sent = notifier.ask(permit, card, preview=None)
        else:
            sent = notifier.send(permit, Message(text=text, marker=marker))
        record(sent)
        return Done({"marker": marker, **handle, **sent})

    return act


def marker_of(name: str, subject: str) -> str:
    """Return the marker of a message, by which it is found again."""
    return f"{name}/{subject}"


def was_notified(project: Project, row: ContentRow | None, subject: str, *, targets: Sequence[str]) -> bool:
    """Return whether `subject` was sent to each of these notifiers, or may have been.

    What is unknown is looked up, never repeated.
    """
    effects_of = (project.ledger.find(key_of(row, subject, target)) for target in targets)
    return all(effect is not None and effect.state in _NOTIFIED for effect in effects_of)


def notified_about(project: Project, *, target: str) -> set[str]:
    """Return every single thing that the newest thousand messages about no content were about.

    What was refused counts as sent for a day; after that it is tried again.
    """
    query = (
        select(effects.c.request)
        .where(
            *_about_no_content(project),
            effects.c.target == target,
            effects.c.state.in_(_NOTIFIED),
            not_(_rested(project)),
        )
        .order_by(effects.c.id.desc())
        .limit(_REMEMBERED)
    )
    with project.catalog.read() as connection:
        return {subject for request in connection.execute(query).scalars() for subject in request.get("about", ())}


def project_today(project: Project) -> date:
    """Return the day of a message that belongs to no channel: today, in the project's own zone."""
    return local_day(project.clock.now(), project.settings.timezone)


def key_of(row: ContentRow | None, subject: str, target: str) -> EffectKey:
    """Return the key of the message about a subject."""
    return EffectKey(NO_CONTENT if row is None else row.id, "notification", target, 1, fingerprint(subject=subject))


def _about_no_content(project: Project) -> tuple[ColumnElement[bool], ...]:
    kind = effects.c.kind == "notification"
    return effects.c.content_id.is_(None), effects.c.world == project.settings.world, kind


def _rested(project: Project) -> ColumnElement[bool]:
    return and_(effects.c.state == "refused", effects.c.settled_at <= project.clock.now() - REFUSED_RESTS)


def _reopen_rested(project: Project, key: EffectKey) -> None:
    """Let a refused message about no content be tried again: there is no content to `dayreel retry`."""
    with project.catalog.write("money") as connection:
        same = (effects.c.target == key.target, effects.c.fingerprint == key.fingerprint)
        reopen(connection, *_about_no_content(project), *same, _rested(project))
