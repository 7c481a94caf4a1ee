"""Discord: one message per send, found again by the marker in its footer; review cards that carry their preview.

A `nonce` makes a repeat within a few minutes return the message that is there. How a card looks, and what comes back
when somebody presses, is `discord_cards` and `discord_callbacks`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from dayreel.errors import PermanentError, ProviderError, UnknownOutcomeError
from dayreel.providers.http import Http, Refusals, Reply, readable, reveal
from dayreel.providers.notifiers.contract import Card, Interaction, Message
from dayreel.providers.notifiers.discord_callbacks import PUBLIC_KEY, callbacks
from dayreel.providers.notifiers.discord_cards import buttons_of, embed_of, marker_of, private_message
from dayreel.providers.proofs import prove_buttons
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Chat, Proof, Setting, Vendor

BASE_URL: Final = "https://discord.com/api/v10"
AGENT: Final = "DiscordBot (https://dayreel.invalid, 0.1)"
_PAGE: Final = 100
_PAGES: Final = 5
_NONCE: Final = 25
_TEXT: Final = 4000
_ID: Final = re.compile(r"[0-9]{1,20}")
_INTERACTION_TOKEN: Final = re.compile(r"[A-Za-z0-9_.-]{1,400}")

NEXT_STEPS: Final[Mapping[int, str]] = {
    401: "Check DISCORD_BOT_TOKEN (developer portal, Bot).",
    403: "Invite the bot to the server and give it View Channel, Send Messages, Attach Files and Read Message History.",
    404: "Check DISCORD_CHANNEL_ID (Developer Mode, Copy Channel ID).",
    413: "The preview is too large for this server.",
    429: "It is tried again later.",
    10003: "Check DISCORD_CHANNEL_ID (Developer Mode, Copy Channel ID).",
    10008: "Somebody deleted the message; decide at the desk or the prompt.",
    40005: "The preview is too large for this server.",
    50001: "Let the bot see the channel (View Channel).",
    50013: "Give the bot Send Messages, Attach Files and Read Message History in that channel.",
    50035: "Report it: dayreel asked wrongly.",
}
"""HTTP status, or Discord's own code where it says one, to what a person can do."""

_CODES: Final = "docs.discord.com, Opcodes and Status Codes, JSON error codes"
REFUSALS: Final[Refusals] = {
    (400, "50006"): _CODES,
    (400, "50035"): _CODES,
    (401, "0"): _CODES,
    (403, "50001"): _CODES,
    (403, "50013"): _CODES,
    (404, "10003"): _CODES,
    (413, "40005"): _CODES,
    (429, "rate limit"): "docs.discord.com, Rate Limits: `retry_after` says when the call may be made",
}
"""What proves that no message was made."""


class DiscordNotifier:
    """A text channel of a Discord server.

    Args:
        token: the bot's.
        channel_id: a number.
        timeout_s: how long Discord may be silent, in seconds.
    """

    name = "discord"
    # Ten MiB a file without boosts, 25 MiB a request; a little is left for the rest of the request.
    preview_limit_bytes = 10 * 1024 * 1024 - 64 * 1024
    preview_rides_along = True

    def __init__(
        self, *, token: SecretStr | str, channel_id: str, base_url: str = BASE_URL, timeout_s: float = 20
    ) -> None:
        """Keep the settings; nothing is sent."""
        self._token = reveal(token, name="DISCORD_BOT_TOKEN")
        self._channel_id = channel_id.strip()
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        headers = {"Authorization": f"Bot {self._token}", "User-Agent": AGENT}
        self._http = Http("Discord", headers=headers, secrets=(self._token,), read_s=timeout_s)

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        """Send once and return `channel` and `id`. See the contract for the errors."""
        text = message.text if len(message.text) <= _TEXT else message.text[: _TEXT - 1] + "…"
        link = f"\n{message.link}" if message.link else ""
        embed = {"description": text + link, "footer": {"text": message.marker}}
        return self._post(permit, message.marker, {"embeds": [embed]})

    def ask(self, permit: Permit, card: Card, *, preview: Path | None) -> dict[str, Any]:
        """Post a card with its preview; see the contract."""
        return self._post(permit, card.marker, {"embeds": [embed_of(card)], "components": buttons_of(card)}, preview)

    def attach(
        self,
        permit: Permit,  # noqa: ARG002  the contract's
        handle: Mapping[str, Any],  # noqa: ARG002  the contract's
        preview: Path,
        *,
        marker: str,
    ) -> dict[str, Any]:
        """Refuse: a card here has its preview from the start."""
        raise PermanentError(attempted=f"attach {preview.name!r} to {marker!r}", answer="the card carries its preview")

    def redraw(self, permit: Permit, handle: Mapping[str, Any], card: Card) -> None:
        """Replace a card by what it is now; its preview stays. See the contract."""
        reply = self._http.send(
            "PATCH",
            f"{self._base_url}/channels/{handle['channel']}/messages/{handle['id']}",
            attempted=f"update the message about {permit.key.content_id} in Discord channel {handle['channel']}",
            has_side_effects=False,
            json={"embeds": [embed_of(card)], "components": buttons_of(card), "allowed_mentions": {"parse": []}},
        )
        if not reply.ok:
            raise refused(reply)

    def reply_ephemeral(self, interaction: Interaction, text: str) -> None:
        """Say something that only the person who pressed can see, within 15 minutes; see the contract."""
        application, token = interaction.way_back.get("application", ""), interaction.way_back.get("token", "")
        attempted = (
            f"reply to {interaction.person_id!r} in Discord channel {interaction.place} with the result of the press"
        )
        if not _ID.fullmatch(application) or not _INTERACTION_TOKEN.fullmatch(token):
            raise PermanentError(attempted=attempted, answer="the press had no way back")
        # The press's own token is the permission here; the bot's stays out of it.
        wire = Http("Discord", headers={"User-Agent": AGENT}, secrets=(token,), read_s=self._timeout_s)
        reply = wire.send(
            "POST",
            f"{self._base_url}/webhooks/{application}/{token}",
            attempted=attempted,
            has_side_effects=False,
            json=private_message(text),
        )
        if not reply.ok:
            raise refused(reply)

    def find(self, marker: str) -> dict[str, Any] | None:
        """Return the handle of the newest message with this marker among the last 500, or None.

        Raises:
            TransientError, PermanentError: the channel could not be read.
        """
        before: dict[str, str | int] = {}
        for _ in range(_PAGES):
            reply = self._http.send(
                "GET",
                f"{self._base_url}/channels/{self._channel_id}/messages",
                attempted=f"look for message {marker!r} in Discord channel {self._channel_id}",
                has_side_effects=False,
                params={"limit": _PAGE, **before},
            )
            if not reply.ok:
                raise refused(reply)
            page = [message for message in reply.json() or [] if isinstance(message, dict)]
            for message in page:
                if marker_of(message) == marker:
                    return {"channel": self._channel_id, "id": str(message["id"])}
            if len(page) < _PAGE:
                break
            before = {"before": str(page[-1]["id"])}
        return None

    def _post(
        self, permit: Permit, marker: str, content: Mapping[str, Any], preview: Path | None = None
    ) -> dict[str, Any]:
        payload: dict[str, Any] = {
            **content,
            "nonce": hashlib.sha256(marker.encode()).hexdigest()[:_NONCE],
            "enforce_nonce": True,
            "allowed_mentions": {"parse": []},
        }
        body: dict[str, Any] = {"json": payload}
        if preview is not None:
            payload["attachments"] = [{"id": 0, "filename": preview.name}]
            # Whole in memory: it is ten MiB at the most, and a length that is known from the start.
            from urllib3.fields import RequestField  # noqa: PLC0415  brings the whole of urllib3
            from urllib3.filepost import encode_multipart_formdata  # noqa: PLC0415

            fields = RequestField("payload_json", json.dumps(payload))
            fields.make_multipart(content_type="application/json")
            data, kind = encode_multipart_formdata(
                [fields, RequestField.from_tuples("files[0]", (preview.name, preview.read_bytes(), "video/mp4"))]
            )
            body = {"data": data, "headers": {"Content-Type": kind}}
        reply = self._http.send(
            "POST",
            f"{self._base_url}/channels/{self._channel_id}/messages",
            attempted=f"send a message about {permit.key.content_id} to Discord channel {self._channel_id}",
            has_side_effects=True,
            **body,
        )
        if not reply.ok:
            raise refused(reply)
        sent = reply.document().get("id")
        if not sent:
            raise UnknownOutcomeError(attempted=reply.attempted, answer="an acceptance without the message's id")
        return {"channel": self._channel_id, "id": str(sent)}


def connect(access: Access) -> DiscordNotifier:
    """Return Discord as the world of `access` has it."""
    return DiscordNotifier(
        token=access.secret("DISCORD_BOT_TOKEN"),
        channel_id=access.secret("DISCORD_CHANNEL_ID"),
        base_url=access.url(BASE_URL, "/discord/api/v10"),
    )


def refused(reply: Reply) -> ProviderError:
    """Return the typed error for an answer of Discord's that is not a success."""
    answer = reply.json()
    body = answer if isinstance(answer, dict) else {}
    code = body.get("code") if isinstance(body.get("code"), int) else 0
    message = readable(str(body.get("message") or reply.words), secrets=reply.secrets)
    step = NEXT_STEPS.get(code or 0) or NEXT_STEPS.get(reply.status, "")
    shown = "rate limit" if "retry_after" in body else str(body.get("code", ""))
    return reply.error(
        f"{message} (code {code})" if code else message,
        is_refused=(reply.status, shown) in REFUSALS,
        next_step=step,
        code=str(code) if code else None,
    )


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Ask whose token it is, then for the channel."""
    token = reveal(access.secret("DISCORD_BOT_TOKEN"), name="DISCORD_BOT_TOKEN")
    base = access.url(BASE_URL, "/discord/api/v10")
    http = Http("Discord", headers={"Authorization": f"Bot {token}", "User-Agent": AGENT}, secrets=(token,))

    def read(path: str, attempted: str) -> dict[str, Any]:
        reply = http.send("GET", base + path, attempted=attempted, has_side_effects=False)
        if not reply.ok:
            raise refused(reply)
        return reply.document()

    bot = read("/users/@me", "ask Discord whose token it is")
    room = read(f"/channels/{access.secret('DISCORD_CHANNEL_ID')}", "ask Discord for the channel")
    detail = f"bot {bot.get('username')}, and it can see #{room.get('name')}; {prove_buttons(access, PUBLIC_KEY)}"
    return Proof(detail)


VENDOR: Final = Vendor(
    name="discord",
    family="notifiers",
    about="A channel of a Discord server.",
    connect=connect,
    settings=(
        Setting("DISCORD_BOT_TOKEN", "Discord developer portal, Bot", sandbox="sandbox.discord-bot.token"),
        Setting(
            "DISCORD_CHANNEL_ID",
            "where review requests are posted, where there is no Slack",
            secret=False,
            sandbox="1200000000000000001",
        ),
        Setting(
            PUBLIC_KEY,
            "Discord developer portal, General Information; lets the buttons decide",
            secret=False,
            required=False,
            # The public half of what the stand-in signs with.
            sandbox="37ce559987398a3b33cb9468744d7c4377fcaa82ca900cf3997b1994e1a974fb",
        ),
    ),
    can=("messages", "looks up lost messages", "reviews with buttons and a preview"),
    prove=prove,
    order=2,
    refusals=frozenset(map(str, NEXT_STEPS)),
    stand_in="dayreel.sandbox.discord:mount",
    chat=Chat("DISCORD_CHANNEL_ID", "Discord user id, in quotes,", callbacks),
)
