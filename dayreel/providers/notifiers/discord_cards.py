"""Review cards as Discord's embeds and buttons, the form for the caption, and what Discord sends when somebody presses.

Pure: nothing is sent and no signature is checked here. Limits as in the protocol reference, section 8.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from dayreel.providers.notifiers.contract import BUTTONS, LONGEST_CAPTION, Card, Interaction

PING: Final = 1
COMPONENT: Final = 3
FORM_SENT: Final = 5
PONG: Final[Mapping[str, Any]] = {"type": 1}
TAKEN: Final[Mapping[str, Any]] = {"type": 6}
"""Heard; the message is changed later."""

_DESCRIPTION: Final = 4096
_EMBED: Final = 6000  # title, description, fields and footer together
_IDEA: Final = 1000
_FIELD: Final = 1024
_TITLE: Final = 256
_PRIVATE: Final = 64
_MARKDOWN: Final = re.compile(r"[\\*_~`|>\[\]]")
_STYLES: Final = {"approve": 3, "reject": 4, "edit": 2}
_ROW, _BUTTON, _INPUT, _LABEL, _PARAGRAPH = 1, 2, 4, 18, 2
_MESSAGE, _MODAL = 4, 9


def embed_of(card: Card) -> dict[str, Any]:
    """Return a card; its marker stands in the footer, by which it is found again."""
    idea, caption = _plain(_cut(card.idea, _IDEA)), _plain(card.caption)
    words = [{"name": platform, "value": _cut(_plain(text), _FIELD)} for platform, text in card.words]
    outcome = [] if card.outcome is None else [{"name": "Decision", "value": _cut(_plain(card.outcome), _FIELD)}]
    fields = [*words, *outcome]
    title = _cut(card.title, _TITLE)
    around = len(title) + len(card.marker) + sum(len(field["name"]) + len(field["value"]) for field in fields)
    text = f"{' · '.join(card.facts)}\n{card.link}\n\n{idea}\n\n**{_plain(card.about)}**\n{caption}"
    return {
        "title": title,
        "description": _cut(text, min(_DESCRIPTION, _EMBED - around)),
        "fields": fields,
        "footer": {"text": card.marker},
    }


def buttons_of(card: Card) -> list[dict[str, Any]]:
    """Return the row of buttons, or nothing once there is an outcome."""
    if card.outcome is not None:
        return []
    row = [
        {"type": _BUTTON, "style": _STYLES[act], "label": BUTTONS[act], "custom_id": f"{act} {card.ticket}"}
        for act in card.buttons
    ]
    return [{"type": _ROW, "components": row}]


def form_of(interaction: Interaction, *, caption: str) -> Mapping[str, Any]:
    """Return the answer that opens the form in which somebody writes another caption."""
    box = {
        "type": _INPUT,
        "custom_id": "caption",
        "style": _PARAGRAPH,
        "value": caption[:LONGEST_CAPTION],
        "max_length": LONGEST_CAPTION,
        "required": True,
    }
    return {
        "type": _MODAL,
        "data": {
            "custom_id": f"caption {interaction.ticket}",
            "title": "Edit the caption",
            "components": [{"type": _LABEL, "label": "Caption", "component": box}],
        },
    }


def private(text: str) -> Mapping[str, Any]:
    """Return the answer that only the person who pressed can see."""
    return {"type": _MESSAGE, "data": private_message(text)}


def private_message(text: str) -> Mapping[str, Any]:
    """Return a message that only the person who pressed can see."""
    return {"content": _cut(text, 2000), "flags": _PRIVATE, "allowed_mentions": {"parse": []}}


def read_interaction(body: bytes) -> Interaction | None:
    """Read what Discord posts to the interactions address; None is a ping. Its signature was checked before.

    Raises:
        ValueError: it is nothing that a card or a form of ours sends; the message has nothing of it.
    """
    try:
        payload = json.loads(body.decode("utf-8"))
        kind = payload["type"]
        if kind == PING:
            return None
        if kind not in (COMPONENT, FORM_SENT):
            raise ValueError("it is of another kind")
        act, _, ticket = str(payload["data"]["custom_id"]).partition(" ")
        user = payload["member"]["user"] if "member" in payload else payload["user"]
        way_back = {"application": str(payload["application_id"]), "token": str(payload["token"])}
        caption = _typed(payload["data"]["components"]) if kind == FORM_SENT else ""
        place, person_id = str(payload["channel_id"]), str(user["id"])
        person_name = str(user.get("username") or user["id"])
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError, UnicodeError) as error:
        raise ValueError(f"a part of it is missing or of another kind ({type(error).__name__})") from None
    if act not in (("caption",) if kind == FORM_SENT else BUTTONS):
        raise ValueError("it has another button")
    return Interaction(act, ticket, person_id, person_name, place, caption, way_back)  # type: ignore[arg-type]  # just checked


def marker_of(message: Mapping[str, Any]) -> str | None:
    """Return the marker of a message of ours, or None."""
    embeds = message.get("embeds") or [{}]
    text = (embeds[0].get("footer") or {}).get("text")
    return text if isinstance(text, str) else None


def _typed(components: Iterable[Any]) -> str:
    for label in components:
        if label["component"]["custom_id"] == "caption":
            return str(label["component"]["value"])
    raise KeyError("caption")


def _plain(text: str) -> str:
    """Return a text in which nothing is a link or a format; mentions are off for the whole message."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
