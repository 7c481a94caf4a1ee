"""Questions about own footage in a chat: asked as a card with two buttons, answered by a press in the reviews' room.

Other streams and other names are for the desk, where the card leads. The answer is `gates.answer`, as everywhere.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from dayreel.errors import DayreelError, UsageError
from dayreel.providers.notifiers.contract import Card, Press, ReviewNotifier
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.library_flow import ASKED
from dayreel.schemas.effect import HOUSE, EffectKey, Permit
from dayreel.services.effects.intent import Done, Intent, Record
from dayreel.services.library.gates import Verdict, answer
from dayreel.services.library.open_library import open_library
from dayreel.services.reviewing.chat_review import Chat, need_room, shown_name, tell_privately
from dayreel.services.studio import Studio
from dayreel.services.tell_people import house_day, key_of, marker_of, tell_once
from dayreel.stores.catalog.item_reads import GateRow, get_gate, get_item

FOOTAGE: Final = "own footage"
_TICKET: Final = "footage"
_LOG = logging.getLogger("dayreel.chat")
_VERDICTS: Final[dict[str, Verdict]] = {"approve": "approved", "reject": "rejected"}


@dataclass(frozen=True)
class AskedGate:
    """A press on a question's card, by somebody in the right room."""

    press: Press
    chat: Chat
    gate: GateRow
    name: str


def ask_gate(studio: Studio, gate: GateRow, text: str, *, about: str, notifier: ReviewNotifier) -> str:
    """Post a question's card, once; return in a sentence what became of it."""
    subject = _subject(gate)
    card = gate_card(studio, gate)
    return tell_once(studio, None, subject, text, notifier=notifier, name=FOOTAGE, about=[about], card=card)


def gate_card(studio: Studio, gate: GateRow) -> Card:
    """Return a question's card as it should look now."""
    with studio.catalog.read() as connection:
        title = get_item(connection, gate.item_id).title
    is_remux = gate.approval_type == "remux_review"
    return Card(
        marker=marker_of(FOOTAGE, _subject(gate)),
        ticket=f"{_TICKET} {gate.id} {gate.subject_sha256[:16]}",
        title=f"Own footage · {title}",
        idea=ASKED[gate.approval_type].capitalize(),
        caption="\n".join(_told(gate.prompt_data)),
        facts=(f"question {gate.id}", "others: at the desk"),
        link=f"{studio.settings.desk_address}/library#question-{gate.id}",
        outcome=_outcome(gate),
        buttons=("approve", "reject"),
        about="Streams" if is_remux else "Names",
        warning="It rests until somebody makes it anew.",
    )


def is_about_footage(press: Press) -> bool:
    """Tell whether a press is on a question's card."""
    return press.ticket.partition(" ")[0] == _TICKET


def check_gate_press(studio: Studio, chat: Chat, press: Press) -> AskedGate:
    """Return what is answered by whom, without changing anything.

    Raises:
        UsageError: there is no such question, or the button is not one of its card.
        GateClosedError: it happened in another room.
    """
    need_room(studio, chat, press)
    _, number, subject = [*press.ticket.split(" "), "", ""][:3]
    if press.act not in _VERDICTS or not number.isdecimal() or len(number) > 9:  # noqa: PLR2004
        raise UsageError("That is no answer to a question about own footage.")
    with studio.catalog.read() as connection:
        gate = get_gate(connection, int(number))
    if gate.subject_sha256[:16] != subject:  # a catalog that was made anew numbers its questions anew
        raise UsageError(f"Question {number} is another one by now.", next_step="Look at the newest message.")
    return AskedGate(press, chat, gate, shown_name(chat, press))


def act_on_gate_press(studio: Studio, notifier: ReviewNotifier, asked: AskedGate) -> None:
    """Answer, make the card show it, and tell the person where it was refused. Never raises a `DayreelError`."""
    refusal = ""
    try:
        answer(open_library(studio), asked.gate.id, _VERDICTS[asked.press.act], by=asked.name, via=asked.chat)
    except DayreelError as error:
        refusal = str(error)
    try:
        _redraw(studio, notifier, asked.gate.id)
    except DayreelError as error:
        _LOG.warning("question %d: its message could not be changed: %s", asked.gate.id, error)
    tell_privately(notifier, asked.press, refusal)


def _redraw(studio: Studio, notifier: ReviewNotifier, gate_id: int) -> None:
    with studio.catalog.read() as connection:
        gate = get_gate(connection, gate_id)
    asked = studio.ledger.find(key_of(None, _subject(gate), notifier.name))
    card = gate_card(studio, gate)
    if asked is None or asked.state != "confirmed" or card.outcome is None:
        return
    key = EffectKey(HOUSE, "notification", notifier.name, 1, fingerprint(of=asked.id, said=card.outcome))
    request = {"marker": f"{card.marker}/answered", "of": asked.id, "text": card.outcome}

    def redraw(permit: Permit, _handle: dict[str, Any], _record: Record) -> Done:
        notifier.redraw(permit, asked.result, card)
        return Done(request)

    intent = Intent(key, None, house_day(studio), "review", request=request, records_first=True)
    studio.ledger.perform(intent, redraw)


def _subject(gate: GateRow) -> str:
    return f"question/{gate.item_id}/{gate.subject_sha256[:12]}"


def _outcome(gate: GateRow) -> str | None:
    if gate.status == "pending":
        return None
    if gate.responded_at is None:
        return "Superseded: it was made anew since, and there is a newer question."
    return f"{gate.status.capitalize()} by {gate.responded_by}, {gate.responded_at:%Y-%m-%d %H:%M} UTC"


def _told(prompt: dict[str, Any]) -> Iterator[str]:
    for file in prompt.get("files", []):
        yield file["path"]
        for one in file["streams"]:
            words = " ".join(str(one[name]) for name in ("kind", "codec", "language", "title") if one.get(name))
            yield f"{one['index']} {'kept' if one['is_kept'] else 'DROPPED'}: {words} ({one['reason']})"
    if "looked_up" in prompt:
        yield prompt["looked_up"]["said"]
    for file, name in prompt.get("names", {}).items():
        yield f"{file} → {name}"
