"""Review cards in Slack's blocks, the form for the caption, and what Slack sends when somebody presses.

Pure: nothing is sent and no signature is checked here. Limits as in the protocol reference, section 7.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from dayreel.providers.notifiers.contract import BUTTONS, LONGEST_CAPTION, Card, Interaction

FORM: Final = "dayreel_caption"
_PREFIX: Final = "dayreel_"
_SECTION: Final = 3000
_HEADER: Final = 150
_FALLBACK: Final = 300
_NO_EXTRA_FIELDS: Final = 1
_STYLES: Final = {"approve": "primary", "reject": "danger"}


def escaped(text: str) -> str:
    """Return a text in which nothing is a mention, a link or a format of Slack's."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text_of(card: Card) -> str:
    """Return a card in one line, for notifications and for clients that show no blocks."""
    return escaped(f"{card.title}: {card.outcome or card.idea}")[:_FALLBACK]


def blocks_of(card: Card) -> list[dict[str, Any]]:
    """Return a card; its buttons are there as long as it has no outcome."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": card.title[:_HEADER]}},
        _section(escaped(card.idea) or "-"),
        _section(f"*{escaped(card.about)}*\n{escaped(card.caption)}"),
        *(_section(f"*{escaped(platform)}*\n{escaped(words)}") for platform, words in card.words),
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": f"{escaped(' · '.join(card.facts))} · <{card.link}|open>"}],
        },
    ]
    if card.outcome is not None:
        return [*blocks, _section(f"*{escaped(card.outcome)}*")]
    return [
        *blocks,
        {"type": "actions", "block_id": "review", "elements": [_button(act, card) for act in card.buttons]},
    ]


def form_of(card: Card, *, caption: str, channel_id: str) -> dict[str, Any]:
    """Return the form in which somebody writes another caption for a card."""
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": json.dumps({"ticket": card.ticket, "channel": channel_id}),
        "title": {"type": "plain_text", "text": "Edit the caption"},
        "submit": {"type": "plain_text", "text": "Save"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            {
                "type": "input",
                "block_id": "caption",
                "label": {"type": "plain_text", "text": "Caption"},
                "element": {
                    "type": "plain_text_input",
                    "action_id": "caption",
                    "multiline": True,
                    "initial_value": caption[:LONGEST_CAPTION],
                    "max_length": LONGEST_CAPTION,
                },
            }
        ],
    }


def read_interaction(body: bytes) -> Interaction:
    """Read what Slack posts to the interactivity address; its signature was checked before.

    Raises:
        ValueError: it is nothing that a card or a form of ours sends; the message has nothing of it.
    """
    try:
        fields = parse_qs(body.decode("utf-8"), strict_parsing=True, max_num_fields=_NO_EXTRA_FIELDS, errors="strict")
        payload = json.loads(fields["payload"][0])
        match payload:
            case {"type": "block_actions", "user": user, "channel": {"id": str(place)}, "actions": [action]}:
                act = str(action["action_id"]).removeprefix(_PREFIX)
                ticket, caption = str(action["value"]), ""
                way_back = {"trigger_id": str(payload.get("trigger_id", ""))}
            case {"type": "view_submission", "user": user, "view": {"callback_id": "dayreel_caption"} as view}:
                kept = json.loads(view["private_metadata"])
                act, ticket, place = "caption", str(kept["ticket"]), str(kept["channel"])
                caption, way_back = str(view["state"]["values"]["caption"]["caption"]["value"] or ""), {}
            case _:
                raise ValueError("it is of another kind")
        person_id, person_name = str(user["id"]), str(user.get("username") or user.get("name") or user["id"])
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError, UnicodeError) as error:
        raise ValueError(f"a part of it is missing or of another kind ({type(error).__name__})") from None
    if act not in (*BUTTONS, "caption"):
        raise ValueError("it has another button")
    return Interaction(act, ticket, person_id, person_name, place, caption, way_back)  # type: ignore[arg-type]  # just checked


def form_problem(text: str) -> Mapping[str, Any]:
    """Return the answer that leaves the form open and shows what is wrong with it."""
    return {"response_action": "errors", "errors": {"caption": text}}


def _section(text: str) -> dict[str, Any]:
    cut = text if len(text) <= _SECTION else text[: _SECTION - 1] + "…"
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut}}


def _button(act: Any, card: Card) -> dict[str, Any]:
    button: dict[str, Any] = {
        "type": "button",
        "action_id": f"{_PREFIX}{act}",
        "text": {"type": "plain_text", "text": BUTTONS[act]},
        "value": card.ticket,
    }
    if act in _STYLES:
        button["style"] = _STYLES[act]
    if act == "reject":
        button["confirm"] = {
            "title": {"type": "plain_text", "text": "Reject it?"},
            "text": {"type": "plain_text", "text": card.warning},
            "confirm": {"type": "plain_text", "text": "Reject"},
            "deny": {"type": "plain_text", "text": "Cancel"},
        }
    return button
