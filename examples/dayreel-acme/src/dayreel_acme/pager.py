"""Acme's pager: messages on somebody's belt, and questions with buttons under them, by which people decide.

A press comes to `/callbacks/acme_pager` as JSON, signed with HMAC-SHA256 over `TIMESTAMP.BODY`.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dayreel.providers.notifiers.contract import BUTTONS, CallbackAnswer, Card, Interaction, Message
from dayreel.rules.signatures import Headers, UntrustedRequest, Verified, repeat_key, stamped
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Chat, Setting, Variable, Vendor
from dayreel_acme.api import KEY, Acme

ROOM = Setting("ACME_ROOM", "the pager's room", secret=False, sandbox="acme-room")
SECRET = Setting("ACME_SIGNING_SECRET", "acme.example, Keys", required=False, sandbox="sandbox-acme-signing-secret")


class AcmePager:
    """A pager. Follows `ReviewNotifier`."""

    name = "acme_pager"
    preview_limit_bytes = 0
    preview_rides_along = True  # there is none, so that nothing has to follow

    def __init__(self, api: Acme, room: str) -> None:
        """Take Acme's API and the room of the reviews."""
        self._api, self._room = api, room

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        """Send once. See the contract for the errors."""
        return self._page(permit, {"text": message.text, "marker": message.marker})

    def ask(self, permit: Permit, card: Card, *, preview: Path | None) -> dict[str, Any]:  # noqa: ARG002  see above
        """Post a card once; a pager shows no video, the link leads to it."""
        return self._page(permit, {"marker": card.marker, **_shown(card)})

    def attach(self, permit: Permit, handle: Mapping[str, Any], preview: Path, *, marker: str) -> dict[str, Any]:
        """Is never asked for: cards here have no preview."""
        raise NotImplementedError

    def redraw(self, permit: Permit, handle: Mapping[str, Any], card: Card) -> None:
        """Replace a card by what it is now."""
        attempted = f"update the page about {permit.key.content_id}"
        self._api.call("PUT", f"/pages/{handle['id']}", attempted=attempted, has_side_effects=False, json=_shown(card))

    def reply_ephemeral(self, interaction: Interaction, text: str) -> None:
        """Reply to the person who pressed."""
        json = {"person": interaction.person_id, "text": text}
        self._api.call("POST", "/replies", attempted="reply to a press", has_side_effects=False, json=json)

    def find(self, marker: str) -> dict[str, Any] | None:
        """Look for a message with this marker."""
        attempted = "look for a page"
        reply = self._api.call("GET", f"/pages?marker={marker}", attempted=attempted, has_side_effects=False)
        id_ = reply.document().get("id")
        return {"id": id_} if id_ else None

    def _page(self, permit: Permit, json: dict[str, Any]) -> dict[str, Any]:
        attempted = f"page about {permit.key.content_id}"
        return {"id": self._api.begin("/pages", attempted=attempted, json={"room": self._room, **json})}


def _shown(card: Card) -> dict[str, Any]:
    """Return a card: its words, and a button for each act while it is open."""
    words = [
        card.title,
        card.idea,
        f"{card.about}: {card.caption}",
        *(": ".join(part) for part in card.words),
        card.link,
    ]
    buttons = [{"label": BUTTONS[act], "value": f"{act} {card.ticket}"} for act in card.buttons]
    return {"text": "\n".join([*words, card.outcome or ""]), "buttons": [] if card.outcome else buttons}


class AcmeCallbacks:
    """How a press comes back. Follows `Callbacks`."""

    taken = CallbackAnswer()
    pong = CallbackAnswer()

    def __init__(self, secret: str) -> None:
        """Take the secret that presses are signed with."""
        self._secret = secret.encode()

    def verify(self, headers: Headers, body: bytes, *, now: datetime) -> Verified | UntrustedRequest:
        """Check the signature; nothing of the body is read before."""
        stamp = stamped(headers, "x-acme-timestamp", "x-acme-signature", body, now)
        if isinstance(stamp, UntrustedRequest):
            return stamp
        timestamp, signature = stamp
        wanted = hmac.new(self._secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted.encode(), signature.encode()):
            return UntrustedRequest("the signature is not Acme's")
        return Verified(repeat_key("acme_pager", timestamp, body))

    def read(self, body: bytes) -> Interaction:
        """Return what somebody did."""
        try:
            document = json.loads(body)
            act, _, ticket = str(document["value"]).partition(" ")
            person, caption = document["person"], str(document.get("caption") or "")
            who = (str(person["id"]), str(person["name"]), str(document["room"]))
        except (KeyError, TypeError, AttributeError, UnicodeError, RecursionError) as error:
            raise ValueError(f"a part of it is missing ({type(error).__name__})") from None
        if act not in (*BUTTONS, "caption"):
            raise ValueError("it has another button")
        return Interaction(act, ticket, *who, caption)

    def denied(self, why: str) -> None:
        """Return None: a reply says why."""

    def form(self, client: AcmePager, interaction: Interaction, card: Card) -> CallbackAnswer:
        """Open a box for the caption by the answer; what is typed comes back as another press."""
        del client
        return CallbackAnswer(document={"box": {"value": f"caption {interaction.ticket}", "text": card.caption}})

    def form_problem(self, text: str) -> CallbackAnswer:
        """Say what is wrong with what was typed."""
        return CallbackAnswer(document={"problem": text})


def connect(access: Access) -> AcmePager:
    """Return the pager of this world; needs ACME_KEY and ACME_ROOM."""
    return AcmePager(Acme(access), access.secret(ROOM.variable))


def callbacks(variable: Variable) -> AcmeCallbacks | None:
    """Return how presses come back; None without the signing secret."""
    secret = variable(SECRET.variable)
    return AcmeCallbacks(secret) if secret else None


VENDOR = Vendor(
    name="acme_pager",
    label="Acme Pager",
    family="notifiers",
    about="A pager of Acme.",
    connect=connect,
    settings=(KEY, ROOM, SECRET),
    can=("messages", "looks up lost messages", "reviews with buttons"),
    where_to_look="the pager itself",
    order=0,  # who has a pager wants to be paged
    stand_in="dayreel_acme.stand_in:pager",
    chat=Chat(ROOM.variable, "Acme's person id", callbacks),
)
