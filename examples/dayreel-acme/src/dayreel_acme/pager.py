"""Acme's pager: a message on somebody's belt, found again by its marker."""

from typing import Any

from dayreel.providers.notifiers.contract import Message
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Vendor
from dayreel_acme.api import KEY, Acme


class AcmePager:
    """A pager."""

    name = "acme_pager"

    def __init__(self, api: Acme) -> None:
        """Take Acme's API."""
        self._api = api

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        """Send once. See the contract for the errors."""
        json = {"text": message.text, "marker": message.marker}
        attempted = f"page about {permit.key.content_id}"
        return {"id": self._api.begin("/pages", attempted=attempted, json=json)}

    def find(self, marker: str) -> dict[str, Any] | None:
        """Look for a message with this marker."""
        body = self._api.call("GET", f"/pages/{marker}", attempted="look for a page", has_side_effects=False).document()
        return {"id": body["id"]} if body.get("id") else None


def connect(access: Access) -> AcmePager:
    """Return the pager of this world; needs ACME_KEY."""
    return AcmePager(Acme(access))


VENDOR = Vendor(
    name="acme_pager",
    label="Acme Pager",
    family="notifiers",
    about="A pager of Acme.",
    connect=connect,
    settings=(KEY,),
    can=("messages", "looks up lost messages"),
    where_to_look="the pager itself",
    stand_in="dayreel_acme.stand_in:pager",
)
