"""What Slack posts to the interactivity address: proven by its HMAC, read, and answered within three seconds.

Facts: protocol reference, section 7. How cards and forms look is `slack_cards`.
"""

import hashlib
import hmac
import re
from datetime import datetime
from typing import Any, Final

from dayreel.errors import ConfigurationError
from dayreel.providers.notifiers.contract import CallbackAnswer, Card, Interaction
from dayreel.providers.notifiers.slack_cards import form_problem, read_interaction
from dayreel.rules.signatures import Headers, UntrustedRequest, Verified, repeat_key, stamped
from dayreel.vendors.record import Variable

SECRET: Final = "SLACK_SIGNING_SECRET"  # noqa: S105  its variable
FORM_DEADLINE_S: Final = 2
"""Slack forgets a press after three seconds."""
_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")


def verify_slack(headers: Headers, body: bytes, *, signing_secret: str, now: datetime) -> Verified | UntrustedRequest:
    """Check a request of Slack's interactivity or events.

    Raises:
        ConfigurationError: there is no signing secret; everybody could sign.
    """
    if not signing_secret.strip():
        raise ConfigurationError(
            "Slack's signing secret is empty, so a genuine callback cannot be distinguished from a forged one.",
            next_step="Copy it from the Slack app, Basic Information, App Credentials.",
        )
    stamp = stamped(headers, "x-slack-request-timestamp", "x-slack-signature", body, now)
    if isinstance(stamp, UntrustedRequest):
        return stamp
    timestamp, signature = stamp
    if not _SIGNATURE.fullmatch(signature):
        return UntrustedRequest("the signature is not written like one")
    signed = b"v0:" + timestamp.encode() + b":" + body
    wanted = "v0=" + hmac.new(signing_secret.strip().encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, signature):
        return UntrustedRequest("the signature is not Slack's")
    return Verified(repeat_key("slack", timestamp, body))


class SlackCallbacks:
    """Follows `contract.Callbacks`.

    Args:
        signing_secret: the app's.
    """

    taken = CallbackAnswer()
    pong = CallbackAnswer()

    def __init__(self, signing_secret: str) -> None:
        self._signing_secret = signing_secret

    def verify(self, headers: Headers, body: bytes, *, now: datetime) -> Verified | UntrustedRequest:
        """Check Slack's signature."""
        return verify_slack(headers, body, signing_secret=self._signing_secret, now=now)

    def read(self, body: bytes) -> Interaction:
        """Return what somebody did."""
        return read_interaction(body)

    def denied(self, why: str) -> None:  # noqa: ARG002  the contract's
        """Return None: the answer to a press is shown to nobody."""
        return

    def form(self, client: Any, interaction: Interaction, card: Card) -> CallbackAnswer:
        """Open the form by a call, inside the request: afterwards it is too late."""
        client.open_form(interaction, card, within_s=FORM_DEADLINE_S)
        return CallbackAnswer()

    def form_problem(self, text: str) -> CallbackAnswer:
        """Leave the form open and show what is wrong with it."""
        return CallbackAnswer(document=form_problem(text))


def callbacks(variable: Variable) -> SlackCallbacks | None:
    """Return Slack's callbacks; None without its signing secret."""
    secret = variable(SECRET)
    return SlackCallbacks(secret) if secret else None
