"""Cards about own footage in chats: how a question's card looks now, and making those that were asked look so.

Whoever changes a question writes down, in the same transaction, that its cards have to follow (`intend_redraws`); the
chore `messages` does it from the catalog, because a worker and a terminal hold no messenger's key. What a press on a
card does is `chat_gates`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from dayreel.errors import BusyError, ConfigurationError, ProviderError
from dayreel.footage.rules.flow import ASKED
from dayreel.footage.stores.reads import GateRow, gates_of, get_item
from dayreel.providers.notifiers.contract import Card
from dayreel.schemas.effect import Effect
from dayreel.services.effects.ledger import effect_of
from dayreel.services.notify_people import key_of, marker_of, project_today
from dayreel.services.project import Project
from dayreel.services.reviewing.redraw_card import redraw_card, redraw_key, redraw_request, shown_of
from dayreel.stores.catalog.tables import effects

FOOTAGE: Final = "own footage"
TICKET: Final = "footage"


def card_subject(gate: GateRow) -> str:
    """Return what a question's message is about: the question, whatever its number in this catalog."""
    return f"question/{gate.item_id}/{gate.subject_sha256[:12]}"


def gate_card(project: Project, connection: Connection, gate: GateRow) -> Card:
    """Return a question's card as it should look now."""
    is_remux = gate.approval_type == "remux_review"
    return Card(
        marker=marker_of(FOOTAGE, card_subject(gate)),
        ticket=f"{TICKET} {gate.id} {gate.subject_sha256[:16]}",
        title=f"Own footage · {get_item(connection, gate.item_id).title}",
        idea=ASKED[gate.approval_type].capitalize(),
        caption="\n".join(_caption_lines(gate.prompt_data)),
        facts=(f"question {gate.id}", "others: at the desk"),
        link=f"{project.settings.desk_address}/library#question-{gate.id}",
        outcome=_outcome(gate),
        buttons=("approve", "reject"),
        about="Streams" if is_remux else "Names",
        warning="It stays as it is until somebody makes it again.",
    )


def intend_redraws(project: Project, connection: Connection, gate: GateRow) -> None:
    """Write down that every card of a question is to look as the question stands now; sends nothing.

    Call it in the transaction that changes the question. One that was asked again about the same files has the card of
    the one before.
    """
    card = gate_card(project, connection, newest_about(connection, gate) or gate)
    for asked in _asked(project, connection, gate):
        request = {**redraw_request(asked, card), "question": [gate.item_id, gate.subject_sha256]}
        key, day = redraw_key(asked, card), project_today(project)
        project.ledger.intend(connection, key, channel=None, day=day, layer="review", request=request)


def newest_about(connection: Connection, gate: GateRow) -> GateRow | None:
    """Return the newest question about the same files as this one; None when the item is gone."""
    return _newest(connection, gate.item_id, gate.subject_sha256)


def redraw_gate_cards(project: Project, gate: GateRow) -> list[str]:
    """Make every card of a question show how it stands now; return a sentence for each that could not be changed."""
    with project.catalog.read() as connection:
        card = gate_card(project, connection, newest_about(connection, gate) or gate)
        cards = [asked for asked in _asked(project, connection, gate) if asked.state == "confirmed"]
    return [problem for asked in cards if (problem := _redrawn(project, asked, card))]


def waiting_redraws(project: Project) -> list[tuple[str, datetime]]:
    """Return what every card that still has to be changed is about, each with when that was written down."""
    with project.catalog.read() as connection:
        return [(card.marker, row["created_at"]) for row, _, card in _waiting(project, connection)]


def send_redraws(project: Project) -> list[str]:
    """Change the cards that wait for it; return a sentence for each."""
    with project.catalog.read() as connection:
        waiting = [(asked, card) for _, asked, card in _waiting(project, connection)]
    return [
        f"{card.marker}: {_redrawn(project, asked, card) or 'its message shows how it stands'}"
        for asked, card in waiting
    ]


def _redrawn(project: Project, asked: Effect, card: Card) -> str:
    try:
        redraw_card(project, asked, card, channel=None, day=project_today(project))
    except (ProviderError, ConfigurationError, BusyError) as error:
        return f"the message at {asked.key.target} still shows it as it was: {error}"
    return ""


def _asked(project: Project, connection: Connection, gate: GateRow) -> list[Effect]:
    """Return the cards of a question that people see, or may see, in whichever chats."""
    query = select(effects).where(
        effects.c.content_id.is_(None),
        effects.c.world == project.settings.world,
        effects.c.kind == "notification",
        effects.c.fingerprint == key_of(None, card_subject(gate), "").fingerprint,
        effects.c.state.in_(("sent", "unknown", "confirmed")),
    )
    return [effect_of(row) for row in connection.execute(query).mappings()]


def _waiting(project: Project, connection: Connection) -> Iterator[tuple[RowMapping, Effect, Card]]:
    """Give the intended changes that still say something: of a card that is there, to how its question stands now."""
    # Through the index on a state that few rows have; see `services.upkeep.chores`.
    rows = connection.execute(select(effects).where(effects.c.state == "intended")).mappings()
    for row in [row for row in rows if row["world"] == project.settings.world and "question" in row["request"]]:
        item_id, subject = row["request"]["question"]
        gate = _newest(connection, item_id, subject)
        asked = connection.execute(select(effects).where(effects.c.id == row["request"]["of"])).mappings().one()
        if gate is not None and asked["state"] == "confirmed":
            card = gate_card(project, connection, gate)
            if shown_of(card) == row["request"]["shown"]:
                yield row, effect_of(asked), card


def _newest(connection: Connection, item_id: str, subject: str) -> GateRow | None:
    about = [gate for gate in gates_of(connection, item_id=item_id) if gate.subject_sha256 == subject]
    return about[-1] if about else None


def _outcome(gate: GateRow) -> str | None:
    if gate.status == "pending":
        return None
    if gate.responded_at is None:
        return "Superseded: it was made again since, and there is a newer question."
    return f"{gate.status.capitalize()} by {gate.responded_by}, {gate.responded_at:%Y-%m-%d %H:%M} UTC"


def _caption_lines(prompt: dict[str, Any]) -> Iterator[str]:
    for file in prompt.get("files", []):
        yield file["path"]
        for stream in file["streams"]:
            words = " ".join(str(stream[name]) for name in ("kind", "codec", "language", "title") if stream.get(name))
            yield f"{stream['index']} {'kept' if stream['is_kept'] else 'DROPPED'}: {words} ({stream['reason']})"
    if "looked_up" in prompt:
        yield prompt["looked_up"]["said"]
    for file, name in prompt.get("names", {}).items():
        yield f"{file} → {name}"
