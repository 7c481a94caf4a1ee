"""Questions about own footage in a chat: asked as a card with two buttons, answered by a press in the reviews' room.

Other streams and other names are for the desk, where the card leads. The answer is `gates.answer`, as everywhere; how a
card looks, and making it follow, is `gate_cards`.
"""

import logging
from collections.abc import Callable
from typing import Final

from dayreel.errors import DayreelError, UsageError
from dayreel.footage.library.gate_cards import (
    FOOTAGE,
    TICKET,
    card_subject,
    gate_card,
    intend_redraws,
    newest_about,
    redraw_gate_cards,
)
from dayreel.footage.library.gates import GateVerdict, answer
from dayreel.footage.library.open_library import open_library
from dayreel.footage.stores.reads import GateRow, get_gate
from dayreel.providers.notifiers.contract import Interaction, ReviewNotifier
from dayreel.services.notify_people import notify_once
from dayreel.services.project import Project
from dayreel.services.reviewing.chat_review import Chat, notify_privately, require_room, shown_name
from dayreel.services.reviewing.redraw_card import shown_of

_LOG = logging.getLogger("dayreel.chat")
_VERDICTS: Final[dict[str, GateVerdict]] = {"approve": "approved", "reject": "rejected"}


def ask_gate(project: Project, gate: GateRow, text: str, *, about: str, notifier: ReviewNotifier) -> str:
    """Post a question's card, once; return in a sentence what became of it."""
    with project.catalog.read() as connection:
        card = gate_card(project, connection, gate)
    sentence = notify_once(
        project, None, card_subject(gate), text, notifiers=[notifier], name=FOOTAGE, about=[about], card=card
    )
    with project.catalog.write("library") as connection:
        # Whoever answered while it was on its way found no card yet that had to follow.
        now = newest_about(connection, gate)
        if now is not None and shown_of(gate_card(project, connection, now)) != shown_of(card):
            intend_redraws(project, connection, now)
    return sentence


def gate_interaction(project: Project, chat: Chat, interaction: Interaction) -> Callable[[ReviewNotifier], None] | None:
    """Return what a press on a question's card sets off, without changing anything; None where it is on another card.

    What is returned records the answer, updates the card, replies to the person when it was refused, and raises no
    `DayreelError`.

    Raises:
        UsageError: there is no such question, or the button is not one of its card.
        GateClosedError: it happened in another room.
    """
    ticket, number, subject = [*interaction.ticket.split(" "), "", ""][:3]
    if ticket != TICKET:
        return None
    require_room(project, chat, interaction)
    if interaction.act not in _VERDICTS or not number.isdecimal() or len(number) > 9:  # noqa: PLR2004
        raise UsageError("That is not an answer to a question about own footage.")
    with project.catalog.read() as connection:
        gate = get_gate(connection, int(number))
    if gate.subject_sha256[:16] != subject:  # a rebuilt catalog gives its questions new numbers
        raise UsageError(f"Question {number} is another one by now.", next_step="Look at the newest message.")

    def act(notifier: ReviewNotifier) -> None:
        refusal = ""
        try:
            verdict = _VERDICTS[interaction.act]
            answer(open_library(project), gate.id, verdict, by=shown_name(chat, interaction), via=chat)
        except DayreelError as error:
            refusal = str(error)
        _follow(project, gate.id)
        notify_privately(notifier, interaction, refusal)

    return act


def _follow(project: Project, gate_id: int) -> None:
    try:
        with project.catalog.read() as connection:
            gate = get_gate(connection, gate_id)
        left = redraw_gate_cards(project, gate)
    except DayreelError as error:
        left = [str(error)]
    for problem in left:
        _LOG.warning("question %d: %s", gate_id, problem)
