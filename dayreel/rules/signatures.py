"""What every signed callback has in common: one timestamp that is not old, one signature, and that it came once. Pure.

How a vendor signs is in its own files. Whoever receives callbacks reads the raw body first, has it verified before
reading anything in it, and answers 401 to a `UntrustedRequest`, whose reason is for the log and never for the sender.
Who may decide what is another question, and is asked afterwards.
"""

import hashlib
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

WINDOW_S: Final = 300
"""How far a callback's timestamp may be from now, either way."""
MAX_BODY_BYTES: Final = 1_000_000
# [0-9], because \d and str.isdigit take digits of every script, and int() takes blanks, signs and underscores.
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}")

Headers = Iterable[tuple[str, str]]
"""Header names and values as they came, repeated ones included."""


@dataclass(frozen=True)
class Verified:
    """The sender is who it says. `repeat_key` is the same for the same callback sent again, see `Repeats`."""

    repeat_key: str


@dataclass(frozen=True)
class UntrustedRequest:
    """Not to be trusted; `reason` has nothing of the request in it."""

    reason: str


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


def stamped(
    headers: Headers, timestamp_name: str, signature_name: str, body: bytes, now: datetime
) -> tuple[str, str] | UntrustedRequest:
    """Return timestamp and signature once everything but the signature itself is in order.

    Args:
        timestamp_name, signature_name: of the two headers, in lower case.
    """
    if len(body) > MAX_BODY_BYTES:
        return UntrustedRequest("the body is too large")
    names = list(headers)
    timestamps, signatures = (
        [value for name, value in names if name.lower() == wanted] for wanted in (timestamp_name, signature_name)
    )
    if len(timestamps) != 1 or len(signatures) != 1:
        return UntrustedRequest("there is not exactly one timestamp and one signature")
    if not _TIMESTAMP.fullmatch(timestamps[0]):
        return UntrustedRequest("the timestamp is not written like one")
    if abs(now.timestamp() - int(timestamps[0])) > WINDOW_S:
        return UntrustedRequest("the timestamp is too far from now")
    return timestamps[0], signatures[0]


def repeat_key(sender: str, timestamp: str, body: bytes) -> str:
    """Return what is the same for the same callback sent again."""
    # Not the signature: what counts is whether the same thing was said, not how it was signed.
    return hashlib.sha256(f"{sender}\n{timestamp}\n".encode() + body).hexdigest()
