"""A plain webhook: one POST of JSON per message, signed where a secret is set. For whatever else people use.

How it is signed, and how the receiver recognises a repeat (by the message's marker), is `providers.signed_webhook`.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

from dayreel.clock import Clock
from dayreel.errors import ConfigurationError, PermanentError
from dayreel.providers.http import reveal
from dayreel.providers.notifiers.contract import Message
from dayreel.providers.signed_webhook import SignedWebhook
from dayreel.schemas.effect import NO_CONTENT, Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Setting, Vendor

NEXT_STEPS: Final[Mapping[int, str]] = {
    301: "Set WEBHOOK_URL to the address it redirects to; a message is never redirected.",
    302: "Set WEBHOOK_URL to the address it redirects to; a message is never redirected.",
    401: "Check WEBHOOK_URL and WEBHOOK_SECRET.",
    403: "Check WEBHOOK_URL and WEBHOOK_SECRET.",
    404: "Check WEBHOOK_URL.",
    429: "It is tried again later.",
}
"""HTTP status to what a person can do."""


class WebhookNotifier:
    """One address.

    Args:
        url: where to; often holds a key, so it is never shown.
        secret: signs every message; None leaves them unsigned.
    """

    name = "webhook"

    def __init__(
        self, *, url: SecretStr | str, clock: Clock, secret: SecretStr | str | None = None, timeout_s: float = 20
    ) -> None:
        """Keep the settings; nothing is sent.

        Raises:
            ConfigurationError: the address is not an http or https one.
        """
        secret = reveal(secret, name="WEBHOOK_SECRET") if secret else None
        self._webhook = SignedWebhook(
            url=url, variable="WEBHOOK_URL", vendor="the webhook", clock=clock, secret=secret, timeout_s=timeout_s
        )
        self._clock = clock

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        """Send once; any 2xx is an acceptance. See the contract for the errors."""
        document = {
            "text": message.text,
            "marker": message.marker,
            "link": message.link,
            "content_id": None if permit.key.content_id == NO_CONTENT else permit.key.content_id,
            "sent_at": self._clock.now().isoformat(),
        }
        attempted = f"send a message about {permit.key.content_id} to the webhook"
        reply = self._webhook.post(document, key=message.marker, attempted=attempted)
        if not reply.ok:
            # Taken for a refusal whatever it is: nobody can look it up, and the receiver knows a repeat by its key.
            raise reply.error(reply.words, is_refused=True, next_step=NEXT_STEPS.get(reply.status, ""))
        return {"status": reply.status, "marker": message.marker}

    def find(self, marker: str) -> dict[str, Any] | None:
        """Refuse: nobody can be asked whether a webhook arrived. See the contract."""
        raise PermanentError(
            attempted=f"look for message {marker!r} at the webhook",
            answer="a webhook cannot be asked",
            next_step="Look at its receiver.",
        )


def connect(access: Access) -> WebhookNotifier:
    """Return the address of this world."""
    if access.sandbox_url is not None:
        raise ConfigurationError(
            "A webhook is somebody's real address, and the sandbox world speaks to nobody outside.",
            next_step="Set DAYREEL_WORLD=live, or use the stand-in of Slack.",
        )
    return WebhookNotifier(
        url=access.secret("WEBHOOK_URL"), clock=access.clock, secret=access.variable("WEBHOOK_SECRET")
    )


VENDOR: Final = Vendor(
    name="webhook",
    label="webhook",
    family="notifiers",
    about="Any address that takes JSON.",
    connect=connect,
    settings=(
        Setting("WEBHOOK_URL", "gets alerts as JSON, where neither a chat nor ntfy is set"),
        Setting("WEBHOOK_SECRET", "signs what the webhook gets", required=False),
    ),
    can=("messages", "knows a repeat by its key"),
    order=4,
    refusals=frozenset(map(str, NEXT_STEPS)),
)
