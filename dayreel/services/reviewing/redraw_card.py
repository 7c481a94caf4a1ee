"""Changing a card that was asked in a chat: an effect of its own, once per picture that it shows, of whatever question.

Safe to repeat, so never in doubt. Which cards there are and how each should look is for `review_cards` (videos) and
`footage.library.gate_cards` (own footage); what could not be changed at once waits for the chore `messages`.
"""

from datetime import date
from typing import Any

from dayreel.providers.notifiers.contract import Card, ReviewNotifier
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import Channel
from dayreel.schemas.effect import Effect, EffectKey, Permit, RecordHandle
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.project import Project


def shown_of(card: Card) -> str:
    """Return what distinguishes one version of a card from another."""
    ticket, facts = (card.ticket, list(card.facts)) if card.outcome is None else ("", [])
    more = {"words": card.words} if card.words and card.outcome is None else {}
    return fingerprint(ticket=ticket, facts=facts, caption=card.caption, said=card.outcome, **more)[:16]


def redraw_key(asked: Effect, card: Card) -> EffectKey:
    """Return the key of making an asked card look like this one."""
    key = asked.key
    picture = fingerprint(of=asked.id, shown=shown_of(card))
    return EffectKey(key.content_id, "notification", key.target, key.sequence, picture)


def redraw_request(asked: Effect, card: Card) -> dict[str, Any]:
    """Return what is kept of it: `of` is the asked card's effect, `shown` the picture."""
    shown = shown_of(card)
    text = card.outcome or card.caption
    return {"marker": f"{card.marker}/{shown}", "of": asked.id, "text": text, "shown": shown}


def redraw_card(project: Project, asked: Effect, card: Card, *, channel: Channel | None, day: date) -> None:
    """Make an asked card look like this one, unless it does already.

    Raises:
        ProviderError, ConfigurationError, BusyError: it could not be done now; what is intended waits.
    """
    notifier: ReviewNotifier = project.connect(asked.key.target)
    request = redraw_request(asked, card)

    def redraw(permit: Permit, _handle: dict[str, Any], _record: RecordHandle) -> Done:
        notifier.redraw(permit, asked.result, card)
        return Done(request)

    key = redraw_key(asked, card)
    project.ledger.perform(Intent(key, channel, day, "review", request=request, records_first=True), redraw)
