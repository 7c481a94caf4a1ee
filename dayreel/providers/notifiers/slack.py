"""Slack: one message per send, found again by the marker in its metadata; review cards with a preview in their thread.

How a card looks is `slack_cards`, what comes back when somebody presses `slack_callbacks`, how a call reaches Slack
`slack_client`.
"""

import logging
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError

from pydantic import SecretStr

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.http import Http, Refusals, Reply, readable, retry_after_s, reveal, secret_parts, status_error
from dayreel.providers.notifiers.contract import PREVIEW, Card, Interaction, Message
from dayreel.providers.notifiers.slack_callbacks import SECRET, callbacks
from dayreel.providers.notifiers.slack_cards import blocks_of, escaped, form_of, text_of
from dayreel.providers.proofs import prove_buttons, prove_scopes
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Chat, Proof, Setting, Vendor

if TYPE_CHECKING:
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackApiError
    from slack_sdk.web import SlackResponse

# The SDK logs answers that it cannot read as they are, and one may say our token back; our errors say what matters.
_silenced_logger: Final = logging.getLogger("dayreel.silenced.slack_sdk")
_silenced_logger.setLevel(logging.CRITICAL + 1)

BASE_URL: Final = "https://slack.com/api/"
_SCOPES: Final = ("chat:write", "files:write", "channels:history")
EVENT_TYPE: Final = "dayreel_notification"
_PAGE: Final = 200
_PAGES: Final = 5
_OK: Final = 200

_TOKEN = "Check SLACK_BOT_TOKEN (Slack app, OAuth & Permissions)."  # noqa: S105  a sentence
_AGAIN = "Press the button again: the form has to open within three seconds."
_CHANNEL = "Check SLACK_CHANNEL_ID: it is an id like C0123456789, not a name."
NEXT_STEPS: Final[Mapping[str, str]] = {
    "invalid_auth": _TOKEN,
    "not_authed": _TOKEN,
    "account_inactive": _TOKEN,
    "token_revoked": _TOKEN,
    "token_expired": _TOKEN,
    "missing_scope": "Add the scopes chat:write, files:write and channels:history to the Slack app; install it again.",
    "channel_not_found": _CHANNEL,
    "not_in_channel": "Invite the bot: type /invite @dayreel in that channel.",
    "restricted_action": "Ask an owner of the workspace: the channel's settings say who may post, and the bot may not.",
    "is_archived": "Choose another channel: this one is archived.",
    "msg_too_long": "Shorten the message.",
    "invalid_blocks": "Shorten the message.",
    "ratelimited": "It is tried again later.",
    "message_not_found": "Somebody deleted the message; decide at the desk or the prompt.",
    "expired_trigger_id": _AGAIN,
    "exchanged_trigger_id": _AGAIN,
    "invalid_trigger_id": _AGAIN,
}
"""The vendor's `error` to what a person can do."""

_ERRORS_PAGE: Final = "docs.slack.dev, chat.postMessage and files.completeUploadExternal, Errors"
REFUSALS: Final[Refusals] = {
    (429, "ratelimited"): "docs.slack.dev, Rate limits: the call was not carried out",
    **dict.fromkeys(
        (
            (200, code)
            for code in (
                *NEXT_STEPS,
                "as_user_not_supported",
                "blocked_file_type",
                "ekm_access_denied",
                "file_not_found",
                "invalid_arguments",
                "invalid_channel",
                "metadata_too_large",
                "no_permission",
                "no_text",
                "not_allowed_token_type",
                "org_login_required",
                "rate_limited",
                "request_timeout",
                "team_access_not_granted",
                "too_many_attachments",
            )
        ),
        _ERRORS_PAGE,
    ),
}
"""What proves that no message was sent. Of `internal_error` and `fatal_error` Slack says that one may have been."""
_CAN_PASS: Final = frozenset(
    {"ratelimited", "rate_limited", "service_unavailable", "request_timeout", "internal_error", "fatal_error"}
)
_ERROR_CODE: Final = re.compile(r"^[a-z0-9_:]+$")


class SlackNotifier:
    """A channel of a Slack workspace.

    Args:
        token: the bot's, `xoxb-...`.
        channel_id: an id like `C0123456789`.
        base_url: ends with `/api/`.
        timeout_s: how long Slack may be silent, in seconds.
    """

    name = "slack"
    preview_limit_bytes = 1_000_000_000
    preview_rides_along = False

    def __init__(
        self, *, token: SecretStr | str, channel_id: str, base_url: str = BASE_URL, timeout_s: int = 20
    ) -> None:
        """Keep the settings; the SDK is imported at the first message."""
        self._token = reveal(token, name="SLACK_BOT_TOKEN")
        self._channel_id = channel_id.strip()
        self._base_url = base_url
        self._timeout_s = timeout_s

    @cached_property
    def _client(self) -> "WebClient":
        return self._new_client(self._timeout_s)

    def _new_client(self, timeout_s: int) -> "WebClient":
        from dayreel.providers.notifiers.slack_client import OneRequestClient  # noqa: PLC0415  imports the SDK

        return OneRequestClient(token=self._token, base_url=self._base_url, timeout=timeout_s, logger=_silenced_logger)

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        """Send once and return `channel` and `ts`. See the contract for the errors."""
        text = escaped(message.text) + (f"\n<{message.link}>" if message.link else "")
        return self._post(permit, message.marker, text=text)

    def ask(self, permit: Permit, card: Card, *, preview: Path | None) -> dict[str, Any]:  # noqa: ARG002  see `attach`
        """Post a card; see the contract. The preview follows in its thread: no buttons can ride on a file's message."""
        return self._post(permit, card.marker, text=text_of(card), blocks=blocks_of(card))

    def attach(self, permit: Permit, handle: Mapping[str, Any], preview: Path, *, marker: str) -> dict[str, Any]:
        """Upload the preview into the card's thread, streamed; see the contract."""
        attempted = f"send the preview of {permit.key.content_id} to Slack channel {self._channel_id}"
        place = self._call(
            lambda: self._client.files_getUploadURLExternal(filename=preview.name, length=preview.stat().st_size),
            attempted=attempted,
            has_side_effects=False,
        )
        address = str(place.get("upload_url"))
        wire = Http("Slack", secrets=(self._token, *secret_parts(address)), read_s=self._timeout_s)
        with preview.open("rb") as file:
            # Until the upload is completed, nobody sees it: everything up to there may be repeated.
            reply = wire.send("POST", address, attempted=attempted, has_side_effects=False, data=file)
        if not reply.ok:
            raise reply.error(reply.words)
        self._call(
            lambda: self._client.files_completeUploadExternal(
                files=[{"id": str(place.get("file_id")), "title": marker}],
                channel_id=self._channel_id,
                thread_ts=str(handle["ts"]),
            ),
            attempted=attempted,
            has_side_effects=True,
        )
        return {"file_id": str(place.get("file_id"))}

    def redraw(self, permit: Permit, handle: Mapping[str, Any], card: Card) -> None:
        """Replace a card by what it is now; see the contract."""
        self._call(
            lambda: self._client.chat_update(
                channel=str(handle["channel"]), ts=str(handle["ts"]), text=text_of(card), blocks=blocks_of(card)
            ),
            attempted=f"update the message about {permit.key.content_id} in Slack channel {self._channel_id}",
            has_side_effects=False,
        )

    def reply_ephemeral(self, interaction: Interaction, text: str) -> None:
        """Say something that only the person who pressed can see; see the contract."""
        self._call(
            lambda: self._client.chat_postEphemeral(
                channel=interaction.place, user=interaction.person_id, text=escaped(text)
            ),
            attempted=f"reply to {interaction.person_id!r} in Slack channel {interaction.place} with the result of "
            "the press",
            has_side_effects=False,
        )

    def open_form(self, interaction: Interaction, card: Card, *, within_s: int) -> None:
        """Open the form for the caption in front of the person who pressed.

        Args:
            within_s: Slack forgets the press after three seconds.

        Raises:
            TransientError, PermanentError: it did not open; pressing again may help.
        """
        trigger_id = interaction.way_back["trigger_id"]
        self._call(
            lambda: self._new_client(within_s).views_open(
                trigger_id=trigger_id, view=form_of(card, caption=card.caption, channel_id=interaction.place)
            ),
            attempted=f"open the caption's form in Slack for {card.title}",
            has_side_effects=False,
            secrets=(trigger_id,),
        )

    def find(self, marker: str) -> dict[str, Any] | None:
        """Return the handle of the newest message with this marker among the last 1000, or of a preview below one.

        Raises:
            TransientError, PermanentError: the history could not be read (the scope is channels:history).
        """
        if marker.endswith(PREVIEW):
            card = self.find(marker.removesuffix(PREVIEW))
            return None if card is None else self._find_preview(card["ts"], marker)
        cursor: str | None = None
        for _ in range(_PAGES):
            answer = self._call(
                partial(
                    self._client.conversations_history,
                    channel=self._channel_id,
                    limit=_PAGE,
                    include_all_metadata=True,
                    cursor=cursor,
                ),
                attempted=f"look for message {marker!r} in Slack channel {self._channel_id}",
                has_side_effects=False,
            )
            for message in answer.get("messages") or []:
                if _marker(message) == marker:
                    return {"channel": self._channel_id, "ts": str(message["ts"])}
            # Slack sends an empty string after the last page.
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                break
        return None

    def _find_preview(self, ts: str, marker: str) -> dict[str, Any] | None:
        answer = self._call(
            lambda: self._client.conversations_replies(channel=self._channel_id, ts=ts, limit=_PAGE),
            attempted=f"look for preview {marker!r} in Slack channel {self._channel_id}",
            has_side_effects=False,
        )
        files = [file for reply in answer.get("messages") or [] for file in reply.get("files") or []]
        return next(({"file_id": str(file["id"])} for file in files if file.get("title") == marker), None)

    def _post(self, permit: Permit, marker: str, **content: Any) -> dict[str, Any]:
        attempted = f"send a message about {permit.key.content_id} to Slack channel {self._channel_id}"
        answer = self._call(
            lambda: self._client.chat_postMessage(
                channel=self._channel_id,
                # The marker rides in the message's metadata: people do not see it, and `find` needs no scope to
                # search.
                metadata={"event_type": EVENT_TYPE, "event_payload": {"marker": marker}},
                unfurl_links=False,
                **content,
            ),
            attempted=attempted,
            has_side_effects=True,
        )
        # Without the `ts` the card could never be updated, so an acceptance without it counts as unknown.
        if not answer.get("ts"):
            raise UnknownOutcomeError(attempted=attempted, answer="an acceptance without the message's ts")
        return {"channel": str(answer.get("channel") or self._channel_id), "ts": str(answer["ts"])}

    def _call(
        self,
        call: Callable[[], "SlackResponse"],
        *,
        attempted: str,
        has_side_effects: bool,
        secrets: Sequence[str] = (),
    ) -> Mapping[str, Any]:
        """Make one call; see `send` and `find` for what it raises. `secrets` are those besides the bot's token."""
        from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415  loaded by now

        lost = UnknownOutcomeError if has_side_effects else TransientError
        try:
            answer: object = call().data
        except SlackApiError as error:
            raise self._refused(
                error, attempted, has_side_effects=has_side_effects, secrets=(self._token, *secrets)
            ) from None
        except URLError as error:
            raise _never_sent(error, attempted) from None
        except (OSError, HTTPException, SlackClientError, ValueError) as error:
            raise lost(attempted=attempted, answer=f"the answer was lost on the way ({type(error).__name__})") from None
        if not isinstance(answer, dict):
            raise lost(attempted=attempted, answer="something that is not a JSON object")
        return answer

    def _refused(
        self, error: "SlackApiError", attempted: str, *, has_side_effects: bool, secrets: Sequence[str]
    ) -> ProviderError:
        response = error.response
        data = response.data if isinstance(response.data, dict) else {}
        code = str(data.get("error") or "")
        wait_s = retry_after_s(response.headers)
        is_refused = (response.status_code, code) in REFUSALS
        if response.status_code != _OK:
            return status_error(
                response.status_code,
                attempted=attempted,
                answer=readable(code, secrets=secrets),
                has_side_effects=has_side_effects,
                is_refused=is_refused,
                next_step=NEXT_STEPS.get(code, ""),
                wait_s=wait_s,
                code=code if _ERROR_CODE.match(code) else None,
            )
        kind: type[ProviderError] = PermanentError
        if has_side_effects and not is_refused:
            kind = UnknownOutcomeError
        elif code in _CAN_PASS or not _ERROR_CODE.match(code):
            kind = TransientError
        needed = f" (needed: {data['needed']})" if data.get("needed") else ""
        return kind(
            attempted=attempted,
            answer=readable(code, secrets=secrets) + needed,
            next_step=NEXT_STEPS.get(code, ""),
            retry_after_s=wait_s,
            code=code if _ERROR_CODE.match(code) else None,
        )


def connect(access: Access) -> SlackNotifier:
    """Return Slack as the world of `access` has it."""
    return SlackNotifier(
        token=access.secret("SLACK_BOT_TOKEN"),
        channel_id=access.secret("SLACK_CHANNEL_ID"),
        base_url=access.url(BASE_URL, "/slack/api/"),
    )


def _never_sent(error: URLError, attempted: str) -> ProviderError:
    # urllib wraps only what fails before the whole request has been handed over; a half request is not a message.
    if isinstance(error.reason, ssl.SSLCertVerificationError):
        return PermanentError(
            attempted=attempted,
            answer="its certificate is not trusted here, so nothing was sent",
            next_step="Check the machine's clock, its certificates and any proxy in between.",
        )
    return TransientError(attempted=attempted, answer=f"no connection to Slack ({type(error.reason).__name__})")


def _marker(message: Mapping[str, Any]) -> str | None:
    payload = (message.get("metadata") or {}).get("event_payload") or {}
    marker = payload.get("marker")
    return marker if isinstance(marker, str) else None


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Ask whose token it is, then read one message of the channel."""
    token = reveal(access.secret("SLACK_BOT_TOKEN"), name="SLACK_BOT_TOKEN")
    base = access.url(BASE_URL, "/slack/api/")
    http = Http("Slack", headers={"Authorization": f"Bearer {token}"}, secrets=(token,))

    def call(method: str, **fields: str) -> tuple[Reply, dict[str, Any]]:
        reply = http.send(
            "POST", base + method, attempted=f"call Slack's {method}", has_side_effects=False, data=fields
        )
        answer = reply.document()
        if answer.get("ok") is True:
            return reply, answer
        code = readable(str(answer.get("error") or reply.status), secrets=(token,))
        kind = TransientError if code == "ratelimited" or not reply.ok else PermanentError
        raise kind(attempted=reply.attempted, answer=code, next_step=NEXT_STEPS.get(code, ""), code=code)

    reply, who = call("auth.test")
    call("conversations.history", channel=access.secret("SLACK_CHANNEL_ID"), limit="1")
    detail = f"bot {who.get('user')} of {who.get('team')}, and it can read the channel; {prove_buttons(access, SECRET)}"
    scopes = reply.headers.get("X-OAuth-Scopes")
    return Proof(detail) if scopes is None else prove_scopes(detail, _SCOPES, scopes.replace(" ", "").split(","))


VENDOR: Final = Vendor(
    name="slack",
    family="notifiers",
    about="A Slack channel.",
    connect=connect,
    settings=(
        Setting(
            "SLACK_BOT_TOKEN",
            "Slack app, OAuth & Permissions; see docs/reference/vendors/notifiers.md for scopes",
            sandbox="xoxb-sandbox",
        ),
        Setting("SLACK_CHANNEL_ID", "where review requests are posted", secret=False, sandbox="C0SANDBOX1"),
        Setting(
            SECRET,
            "Slack app, Basic Information; lets the buttons under a review request decide",
            required=False,
            sandbox="sandbox-slack-signing-secret",
        ),
    ),
    can=("messages", "looks up lost messages", "reviews with buttons and a preview"),
    prove=prove,
    where_to_look="the Slack channel itself",
    order=1,
    refusals=frozenset(NEXT_STEPS),
    stand_in="dayreel.sandbox.slack:mount",
    chat=Chat("SLACK_CHANNEL_ID", "Slack user id (`U0123ABCD`)", callbacks),
)
