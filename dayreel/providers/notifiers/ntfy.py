"""ntfy: one push message per send, found again by the marker in its title.

Facts: docs.ntfy.sh, publish and subscribe (2026). Messages are kept for half a day on ntfy.sh, so a lost one is looked
for that far back. The topic is what protects it there, so it is treated like a key.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr

from dayreel.errors import ProviderError, UnknownOutcomeError
from dayreel.providers.http import Http, Refusals, Reply, readable, reveal
from dayreel.providers.notifiers.contract import Message
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting, Vendor

SERVER: Final = "https://ntfy.sh"
_LONGEST_BYTES: Final = 4000
_KEPT: Final = "12h"
NEXT_STEPS: Final[Mapping[int, str]] = {
    400: "Check NTFY_TOPIC: letters, digits, - and _.",
    401: "Check NTFY_TOKEN.",
    403: "Check NTFY_TOPIC and NTFY_TOKEN: the topic belongs to somebody else, or the token may not write there.",
    404: "Check NTFY_SERVER.",
    413: "Shorten the message.",
    429: "It is tried again later; ntfy.sh limits messages by address and day.",
}
"""HTTP status to what a person can do."""

REFUSALS: Final[Refusals] = {
    (status, str(status)): "docs.ntfy.sh, errors: ntfy's five-digit codes of this status are checks before publishing"
    for status in (400, 401, 403, 404, 413, 429)
}
"""What proves that no message was published; ntfy's own codes begin with the status."""


class NtfyNotifier:
    """A topic of an ntfy server.

    Args:
        topic: its name; whoever knows it can read along.
        token: for a server that wants one.
    """

    name = "ntfy"

    def __init__(
        self,
        *,
        topic: SecretStr | str,
        server: str = SERVER,
        token: SecretStr | str | None = None,
        timeout_s: float = 20,
    ) -> None:
        """Keep the settings; nothing is sent."""
        self._topic = reveal(topic, name="NTFY_TOPIC")
        key = reveal(token, name="NTFY_TOKEN") if token else ""
        self._server = server.rstrip("/")
        self._http = Http(
            "ntfy",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            secrets=(self._topic, key),
            read_s=timeout_s,
        )

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        """Send once and return ntfy's id. See the contract for the errors."""
        body: dict[str, Any] = {"topic": self._topic, "title": message.marker, "message": _short(message.text)}
        if message.link:
            body["click"] = message.link
        reply = self._http.send(
            "POST",
            self._server + "/",
            attempted=f"send a message about {permit.key.content_id} through ntfy",
            has_side_effects=True,
            json=body,
        )
        if not reply.ok:
            raise _refused(reply)
        sent = reply.document().get("id")
        if not sent:
            raise UnknownOutcomeError(attempted=reply.attempted, answer="an acceptance without the message's id")
        return {"id": str(sent)}

    def find(self, marker: str) -> dict[str, Any] | None:
        """Return the handle of a message with this marker of the last twelve hours, or None.

        Raises:
            TransientError, PermanentError: the topic could not be read.
        """
        reply = self._http.send(
            "GET",
            f"{self._server}/{self._topic}/json",
            attempted=f"look for message {marker!r} on ntfy",
            has_side_effects=False,
            params={"poll": 1, "since": _KEPT},
        )
        if not reply.ok:
            raise _refused(reply)
        for line in reply.body.decode("utf-8", "replace").splitlines():
            try:
                kept = json.loads(line)
            except ValueError:
                continue
            if isinstance(kept, dict) and kept.get("event") == "message" and kept.get("title") == marker:
                return {"id": str(kept["id"])}
        return None


def connect(access: Access) -> NtfyNotifier:
    """Return the topic of this world."""
    server = access.variable("NTFY_SERVER") or SERVER
    return NtfyNotifier(
        topic=access.secret("NTFY_TOPIC"), server=access.url(server, "/ntfy"), token=access.variable("NTFY_TOKEN")
    )


def _short(text: str) -> str:
    data = text.encode()
    return text if len(data) <= _LONGEST_BYTES else data[:_LONGEST_BYTES].decode("utf-8", "ignore") + "…"


def _refused(reply: Reply) -> ProviderError:
    answer = reply.json()
    message = str(answer.get("error") or reply.words) if isinstance(answer, dict) else reply.words
    code = str(answer["code"]) if isinstance(answer, dict) and "code" in answer else None
    return reply.error(
        readable(message, secrets=reply.secrets),
        is_refused=code is not None and (reply.status, code[:3]) in REFUSALS,
        next_step=NEXT_STEPS.get(reply.status, ""),
        code=code,
    )


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Read the topic; whether it may be written to only a message shows."""
    connect(access).find("dayreel doctor")
    return Proof("the topic can be read")


VENDOR: Final = Vendor(
    name="ntfy",
    label="ntfy",
    family="notifiers",
    about="A topic of an ntfy server.",
    connect=connect,
    settings=(
        Setting(
            "NTFY_TOPIC",
            "a topic of ntfy, hard to guess; alerts go there where no chat is set",
            sandbox="sandbox-ntfy-topic",
        ),
        Setting("NTFY_SERVER", "an ntfy server; default is https://ntfy.sh", secret=False, required=False),
        Setting("NTFY_TOKEN", "for an ntfy server that wants one", required=False),
    ),
    can=("messages", "looks up lost messages"),
    prove=prove,
    order=3,
    refusals=frozenset(map(str, NEXT_STEPS)),
    stand_in="dayreel.sandbox.ntfy:mount",
)
