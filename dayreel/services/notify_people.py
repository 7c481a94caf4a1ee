"""Notifying people once: a notification is an effect like any other, so a restart never sends it twice.

The notifier is the first one that is set up, in the order of their records, and the log when there is none.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, not_, select

from dayreel.clock import local_day
from dayreel.errors import ProviderError
from dayreel.providers.notifiers.contract import Card, Message, Notifier, ReviewNotifier
from dayreel.queries.rows import ContentRow
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.effect import NO_CONTENT, EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.effects.ledger import reopen
from dayreel.services.project import Project
from dayreel.settings import Settings
from dayreel.stores.catalog.tables import effects
from dayreel.vendors.record import Vendor
from dayreel.vendors.registry import is_ours, sandbox_variables, vendors

_NOTIFIED: Final = ("sent", "confirmed", "refused", "unknown")
_REMEMBERED: Final = 1000
REFUSED_RESTS: Final = timedelta(days=1)
"""A messenger that refuses (a wrong key, a room that is gone) is asked again after so long."""


def notifier_name(settings: Settings) -> str:
    """Return the project's notifier: the first one that is set up (in the sandbox world: that has a stand-in).

    One of another package is, in either world, once all that it needs is set: installing it chooses nothing.
    """
    variable = sandbox_variables().get if settings.world == "sandbox" else settings.variable

    def is_chosen(vendor: Vendor) -> bool:
        if is_ours(vendor):
            return vendor.is_set_up(variable)
        return bool(vendor.needs) and all(map(settings.variable, vendor.needs))

    return next(vendor.name for vendor in vendors("notifiers") if is_chosen(vendor))


def notify_once(
    project: Project,
    row: ContentRow | None,
    subject: str,
    text: str,
    *,
    notifier: Notifier,
    name: str | None = None,
    about: Sequence[str] = (),
    card: Card | None = None,
) -> str:
    """Send `text` unless `subject` was sent before; return in a sentence what became of it.

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
    key = key_of(row, subject, notifier.name)
    name = name or ("project" if row is None else row.id)
    marker = marker_of(name, subject)
    request: dict[str, Any] = {"marker": marker, "text": text, **({"about": list(about)} if about else {})}

    def act(permit: Permit, handle: dict[str, object], record: RecordHandle) -> Done:
        if card is not None and isinstance(notifier, ReviewNotifier):
            sent = notifier.ask(permit, card, preview=None)
        else:
            sent = notifier.send(permit, Message(text=text, marker=marker))
        record(sent)
        return Done({"marker": marker, **handle, **sent})

    channel = None if row is None else project.channels.load(row.channel)
    day = project_today(project) if row is None else row.day
    if row is None:
        _reopen_rested(project, key)
    # Nothing waits for a message: what cannot be sent is a sentence in the log of the run, and is due again.
    try:
        project.ledger.perform(Intent(key, channel, day, "review", request=request), act)
    except ProviderError as error:
        return f"{name}: {notifier.name} was not notified: {error}"
    return f"{name}: {notifier.name} was notified: {text}"


def marker_of(name: str, subject: str) -> str:
    """Return the marker of a message, by which it is found again."""
    return f"{name}/{subject}"


def was_notified(project: Project, row: ContentRow | None, subject: str, *, target: str) -> bool:
    """Return whether `subject` was sent, or may have been: what is unknown is looked up, never repeated."""
    effect = project.ledger.find(key_of(row, subject, target))
    return effect is not None and effect.state in _NOTIFIED


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
