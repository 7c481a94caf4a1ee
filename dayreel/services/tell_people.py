"""Telling people something once: a notification is an effect like any other, so a restart never says it twice.

And by whom they are told: the first notifier that is set up, in the order of `TOLD_BY`, at last the log.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import select

from dayreel.errors import ProviderError
from dayreel.providers.notifiers.contract import Card, Message, Notifier, ReviewNotifier
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.services.effects.intent import Done, Intent, Record
from dayreel.services.studio import Studio
from dayreel.settings import Settings
from dayreel.stores.catalog.reads import ContentRow, get_content
from dayreel.stores.catalog.tables import content, effects

TOLD_BY: Final = ("slack", "discord", "ntfy", "webhook")
_TOLD: Final = ("sent", "confirmed", "refused", "unknown")
_REMEMBERED: Final = 1000


def keys_of_notifiers(settings: Settings) -> Mapping[str, SecretStr | None]:
    """Return each notifier's key, None where it is not set up."""
    keys = (settings.slack_bot_token, settings.discord_bot_token, settings.ntfy_topic, settings.webhook_url)
    return dict(zip(TOLD_BY, keys, strict=True))


def notifier_name(settings: Settings) -> str:
    """Return who tells people things: Slack in the sandbox world, else the first that is set up, at last the log."""
    if settings.world == "sandbox":
        return "slack"
    return next((name for name, key in keys_of_notifiers(settings).items() if key is not None), "log")


def tell_once(
    studio: Studio,
    row: ContentRow,
    subject: str,
    text: str,
    *,
    notifier: Notifier,
    name: str | None = None,
    about: Sequence[str] = (),
    card: Card | None = None,
) -> str:
    """Send `text` unless `subject` was told before; return in a sentence what became of it.

    A message that cannot be sent holds nothing back; the sentence says so, and a later call tries again.

    Args:
        row: the content that the message belongs to.
        subject: what it is about, unique within the content: `reminder/r1`.
        name: what people see in place of the content's id, where the message is about no content.
        about: the single things that it tells, for `told_about`.
        card: what a chat shows instead of the text, with its buttons; its marker has to be `marker_of(name, subject)`.

    Raises:
        ConfigurationError: the channel file of the content cannot be read.
    """
    key = _key(row, subject, notifier.name)
    name = name or row.id
    marker = marker_of(name, subject)
    request: dict[str, Any] = {"marker": marker, "text": text, **({"about": list(about)} if about else {})}

    def act(permit: Permit, handle: dict[str, object], record: Record) -> Done:
        if card is not None and isinstance(notifier, ReviewNotifier):
            sent = notifier.ask(permit, card, preview=None)
        else:
            sent = notifier.send(permit, Message(text=text, marker=marker))
        record(sent)
        return Done({"marker": marker, **handle, **sent})

    intent = Intent(key=key, channel=studio.channels.load(row.channel), day=row.day, layer="review", request=request)
    try:
        studio.ledger.perform(intent, act)
    except ProviderError as error:
        return f"{name}: {notifier.name} was not told: {error}"
    return f"{name}: {notifier.name} was told: {text}"


def marker_of(name: str, subject: str) -> str:
    """Return the marker of a message, by which it is found again."""
    return f"{name}/{subject}"


def was_told(studio: Studio, row: ContentRow, subject: str, *, target: str) -> bool:
    """Return whether `subject` was told, or may have been: what is unknown is looked up, never repeated."""
    effect = studio.ledger.find(_key(row, subject, target))
    return effect is not None and effect.state in _TOLD


def told_about(studio: Studio, row: ContentRow, *, target: str) -> set[str]:
    """Return every single thing that the newest thousand messages of a content were about."""
    query = (
        select(effects.c.request)
        .where(
            effects.c.content_id == row.id,
            effects.c.kind == "notification",
            effects.c.target == target,
            effects.c.state.in_(_TOLD),
        )
        .order_by(effects.c.id.desc())
        .limit(_REMEMBERED)
    )
    with studio.catalog.read() as connection:
        return {one for request in connection.execute(query).scalars() for one in request.get("about", ())}


def oldest_content(studio: Studio) -> ContentRow | None:
    """Return the content that messages about no content belong to: always the same one, so that each is told once."""
    query = (
        select(content.c.id)
        .where(content.c.world == studio.settings.world, content.c.channel.in_(studio.channels.names()))
        .order_by(content.c.created_at, content.c.id)
        .limit(1)
    )
    with studio.catalog.read() as connection:
        found = connection.execute(query).scalar()
        return None if found is None else get_content(connection, found)


def _key(row: ContentRow, subject: str, target: str) -> EffectKey:
    return EffectKey(row.id, "notification", target, 1, fingerprint(subject=subject))
