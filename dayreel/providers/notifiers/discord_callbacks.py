"""What Discord posts to the interactions address: proven by its Ed25519 signature, read, and answered.

Facts: protocol reference, section 8. How cards and forms look is `discord_cards`.
"""

import re
from datetime import datetime
from typing import Any, Final

from dayreel.errors import ConfigurationError
from dayreel.providers.notifiers.contract import CallbackAnswer, Card, Interaction
from dayreel.providers.notifiers.discord_cards import PONG, TAKEN, form_of, private, read_interaction
from dayreel.rules.signatures import Headers, UntrustedRequest, Verified, repeat_key, stamped
from dayreel.vendors.record import Variable

PUBLIC_KEY: Final = "DISCORD_PUBLIC_KEY"
# Checked before bytes.fromhex, which skips blanks: one signature would have many writings.
_HEX_32: Final = re.compile(r"[0-9a-fA-F]{64}")
_HEX_64: Final = re.compile(r"[0-9a-fA-F]{128}")


def verify_discord(headers: Headers, body: bytes, *, public_key: str, now: datetime) -> Verified | UntrustedRequest:
    """Check a request to the interactions endpoint; Discord sends wrong ones on purpose and wants 401.

    Args:
        public_key: of the application, 64 hexadecimal digits.

    Raises:
        ConfigurationError: the public key is none.
    """
    from nacl.exceptions import BadSignatureError  # noqa: PLC0415  loads a C library
    from nacl.signing import VerifyKey  # noqa: PLC0415  the same

    if not _HEX_32.fullmatch(public_key.strip()):
        raise ConfigurationError(
            "Discord's public key is not a valid key: it has 64 hexadecimal digits.",
            next_step="Copy it from the Discord developer portal, General Information.",
        )
    stamp = stamped(headers, "x-signature-timestamp", "x-signature-ed25519", body, now)
    if isinstance(stamp, UntrustedRequest):
        return stamp
    timestamp, signature = stamp
    if not _HEX_64.fullmatch(signature):
        return UntrustedRequest("the signature is not written like one")
    try:
        VerifyKey(bytes.fromhex(public_key.strip())).verify(timestamp.encode() + body, bytes.fromhex(signature))
    except BadSignatureError:
        return UntrustedRequest("the signature is not Discord's")
    return Verified(repeat_key("discord", timestamp, body))


class DiscordCallbacks:
    """Follows `contract.Callbacks`.

    Args:
        public_key: the application's.
    """

    taken = CallbackAnswer(document=TAKEN)
    pong = CallbackAnswer(document=PONG)

    def __init__(self, public_key: str) -> None:
        self._public_key = public_key

    def verify(self, headers: Headers, body: bytes, *, now: datetime) -> Verified | UntrustedRequest:
        """Check Discord's signature."""
        return verify_discord(headers, body, public_key=self._public_key, now=now)

    def read(self, body: bytes) -> Interaction | None:
        """Return what somebody did; None is a ping."""
        return read_interaction(body)

    def denied(self, why: str) -> CallbackAnswer:
        """Say it in the answer: Discord shows nobody the reason of a 4xx, and takes no reply after one."""
        return CallbackAnswer(document=private(why))

    def form(self, client: Any, interaction: Interaction, card: Card) -> CallbackAnswer:  # noqa: ARG002  the contract's
        """Open the form by the answer."""
        return CallbackAnswer(document=form_of(interaction, caption=card.caption))

    def form_problem(self, text: str) -> CallbackAnswer:
        """Say what is wrong to the person alone; the form has closed."""
        return CallbackAnswer(document=private(text))


def callbacks(variable: Variable) -> DiscordCallbacks | None:
    """Return Discord's callbacks; None without its public key."""
    key = variable(PUBLIC_KEY)
    return DiscordCallbacks(key) if key else None
