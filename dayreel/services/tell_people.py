"""Telling people something once: a notification is an effect like any other, so a restart never says it twice.

And by whom they are told: the first notifier that is set up, in the order of `TOLD_BY`, at last the log.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import SecretStr

from dayreel.errors import ProviderError
from dayreel.providers.notifiers.contract import Message, Notifier
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.services.effects import Done, Intent, Record
from dayreel.services.studio import Studio
from dayreel.settings import Settings
from dayreel.stores.catalog.reads import ContentRow

TOLD_BY: Final = ("slack", "discord", "ntfy", "webhook")


def keys_of_notifiers(settings: Settings) -> Mapping[str, SecretStr | None]:
    """Return each notifier's key, None where it is not set up."""
    keys = (settings.slack_bot_token, settings.discord_bot_token, settings.ntfy_topic, settings.webhook_url)
    return dict(zip(TOLD_BY, keys, strict=True))


def notifier_name(settings: Settings) -> str:
    """Return who tells people things: Slack in the sandbox world, else the first that is set up, at last the log."""
    if settings.world == "sandbox":
        return "slack"
    return next((name for name, key in keys_of_notifiers(settings).items() if key is not None), "log")


def tell_once(studio: Studio, row: ContentRow, subject: str, text: str, *, notifier: Notifier) -> str:
    """Send `text` about a content unless `subject` was told before; return in a sentence what became of it.

    A message that cannot be sent holds nothing back; the sentence says so, and a later call tries again.

    Args:
        subject: what it is about, unique within the content: `reminder/r1`.

    Raises:
        ConfigurationError: the channel file of the content cannot be read.
    """
    key = _key(row, subject, notifier.name)
    marker = f"{row.id}/{subject}"

    def act(permit: Permit, handle: dict[str, object], record: Record) -> Done:
        sent = notifier.send(permit, Message(text=text, marker=marker))
        record(sent)
        return Done({"marker": marker, **handle, **sent})

    intent = Intent(
        key=key,
        channel=studio.channels.load(row.channel),
        day=row.day,
        layer="review",
        request={"marker": marker, "text": text},
    )
    try:
        studio.ledger.perform(intent, act)
    except ProviderError as error:
        return f"{row.id}: {notifier.name} was not told: {error}"
    return f"{row.id}: {notifier.name} was told: {text}"


def was_told(studio: Studio, row: ContentRow, subject: str, *, target: str) -> bool:
    """Return whether `subject` was told, or may have been: what is unknown is looked up, never repeated."""
    effect = studio.ledger.find(_key(row, subject, target))
    return effect is not None and effect.state in ("sent", "confirmed", "refused", "unknown")


def _key(row: ContentRow, subject: str, target: str) -> EffectKey:
    return EffectKey(row.id, "notification", target, 1, fingerprint(subject=subject))
