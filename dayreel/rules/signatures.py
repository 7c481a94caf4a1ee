"""Whether a callback is from whom it says: Slack's HMAC, Discord's Ed25519, their timestamps, and repeats. Pure.

Facts: protocol reference, sections 7 and 8. Whoever receives callbacks reads the raw body first, asks here before
reading anything in it, and answers 401 to a `Refused`, whose reason is for the log and never for the sender. Who may
decide what is another question, and is asked afterwards.
"""

import hashlib
import hmac
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dayreel.errors import ConfigurationError

WINDOW_S: Final = 300
"""How far a callback's timestamp may be from now, either way."""
MAX_BODY_BYTES: Final = 1_000_000
# [0-9], because \d and str.isdigit take digits of every script, and int() takes blanks, signs and underscores.
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}")
_SLACK_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")
# Checked before bytes.fromhex, which skips blanks: one signature would have many writings.
_HEX_32: Final = re.compile(r"[0-9a-fA-F]{64}")
_HEX_64: Final = re.compile(r"[0-9a-fA-F]{128}")

Headers = Iterable[tuple[str, str]]
"""Header names and values as they came, repeated ones included."""


@dataclass(frozen=True)
class Verified:
    """The sender is who it says. `repeat_key` is the same for the same callback sent again, see `Repeats`."""

    repeat_key: str


@dataclass(frozen=True)
class Refused:
    """Not to be trusted; `reason` has nothing of the request in it."""

    reason: str


def verify_slack(headers: Headers, body: bytes, *, signing_secret: str, now: datetime) -> Verified | Refused:
    """Check a request of Slack's interactivity or events.

    Raises:
        ConfigurationError: there is no signing secret; everybody could sign.
    """
    if not signing_secret.strip():
        raise ConfigurationError(
            "Slack's signing secret is empty, so no callback can be told from a forged one.",
            next_step="Copy it from the Slack app, Basic Information, App Credentials.",
        )
    stamped = _stamped(headers, "x-slack-request-timestamp", "x-slack-signature", body, now)
    if isinstance(stamped, Refused):
        return stamped
    timestamp, signature = stamped
    if not _SLACK_SIGNATURE.fullmatch(signature):
        return Refused("the signature is not written like one")
    signed = b"v0:" + timestamp.encode() + b":" + body
    wanted = "v0=" + hmac.new(signing_secret.strip().encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, signature):
        return Refused("the signature is not Slack's")
    return Verified(_repeat_key("slack", timestamp, body))


def verify_discord(headers: Headers, body: bytes, *, public_key: str, now: datetime) -> Verified | Refused:
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
    stamped = _stamped(headers, "x-signature-timestamp", "x-signature-ed25519", body, now)
    if isinstance(stamped, Refused):
        return stamped
    timestamp, signature = stamped
    if not _HEX_64.fullmatch(signature):
        return Refused("the signature is not written like one")
    try:
        VerifyKey(bytes.fromhex(public_key.strip())).verify(timestamp.encode() + body, bytes.fromhex(signature))
    except BadSignatureError:
        return Refused("the signature is not Discord's")
    return Verified(_repeat_key("discord", timestamp, body))


class Repeats:
    """Remembers verified callbacks for as long as their timestamps would let them in again. Safe between threads.

    It forgets with its process; a decision is a compare-and-set in the catalog whatever is remembered here.
    """

    def __init__(self, *, most: int = 10_000) -> None:
        """Remember nothing yet.

        Args:
            most: beyond so many at once, new ones are refused rather than old ones forgotten.
        """
        self._most = most
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def is_new(self, verified: Verified, *, now: datetime) -> bool:
        """Return whether this callback is here for the first time, and remember it."""
        moment = now.timestamp()
        with self._lock:
            self._until = {key: until for key, until in self._until.items() if until > moment}
            if verified.repeat_key in self._until or len(self._until) >= self._most:
                return False
            # A timestamp from the future is accepted for a window before and a window after it.
            self._until[verified.repeat_key] = moment + 2 * WINDOW_S + 1
            return True


def _stamped(
    headers: Headers, timestamp_name: str, signature_name: str, body: bytes, now: datetime
) -> tuple[str, str] | Refused:
    """Return timestamp and signature once everything but the signature itself is in order."""
    if len(body) > MAX_BODY_BYTES:
        return Refused("the body is too large")
    names = list(headers)
    timestamps, signatures = (
        [value for name, value in names if name.lower() == wanted] for wanted in (timestamp_name, signature_name)
    )
    if len(timestamps) != 1 or len(signatures) != 1:
        return Refused("there is not exactly one timestamp and one signature")
    if not _TIMESTAMP.fullmatch(timestamps[0]):
        return Refused("the timestamp is not written like one")
    if abs(now.timestamp() - int(timestamps[0])) > WINDOW_S:
        return Refused("the timestamp is too far from now")
    return timestamps[0], signatures[0]


def _repeat_key(sender: str, timestamp: str, body: bytes) -> str:
    # Not the signature: what counts is whether the same thing was said, not how it was signed.
    return hashlib.sha256(f"{sender}\n{timestamp}\n".encode() + body).hexdigest()
