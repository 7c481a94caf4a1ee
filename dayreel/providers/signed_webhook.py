"""One POST of signed JSON to somebody's own address, which is a key itself: for the notifier and for the platform.

The receiver recognises a repeat by the header `Idempotency-Key`, and that it is ours by `X-Dayreel-Signature: v1=HEX`:
HMAC-SHA256 with the secret over `v1:TIMESTAMP:BODY`, the timestamp in `X-Dayreel-Timestamp` (Unix seconds). What is
sent, and what an answer means, is the vendor's file.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from dayreel.clock import Clock
from dayreel.errors import ConfigurationError
from dayreel.providers.http import Http, Reply, reveal, secret_parts

_SHORTEST_KEY: Final = 6


class SignedWebhook:
    """One address.

    Args:
        variable: the name of the setting that holds the address, for messages.
        vendor: what it is called in messages.
        secret: signs every document; None leaves them unsigned.
        hidden: what else must never be in a message.
    """

    def __init__(
        self,
        *,
        url: SecretStr | str,
        variable: str,
        vendor: str,
        clock: Clock,
        secret: str | None = None,
        hidden: tuple[str, ...] = (),
        timeout_s: float = 20,
    ) -> None:
        """Keep the settings; nothing is sent.

        Raises:
            ConfigurationError: the address is not an http or https one.
        """
        self._url = reveal(url, name=variable)
        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                f"{variable} is not a valid address.", next_step="Write it like https://example.com/hook."
            )
        self.host: str = parts.hostname
        self.scheme = parts.scheme
        self._secret = secret or ""
        self._clock = clock
        secrets = (self._secret, *secret_parts(self._url, shortest=_SHORTEST_KEY), *hidden)
        self._http = Http(vendor, secrets=secrets, read_s=timeout_s, clock=clock)

    @property
    def fingerprint(self) -> str:
        """The address as it may be shown and compared: its host, and a hash of the whole."""
        return f"{self.host}/{hashlib.sha256(self._url.encode()).hexdigest()[:12]}"

    def post(self, document: Mapping[str, Any], *, key: str, attempted: str, hidden: tuple[str, ...] = ()) -> Reply:
        """Send once and return the answer, whatever its status; a redirect is an answer, and is never followed.

        Args:
            hidden: what of the document must never be in a message: some receivers say it all back.

        Raises:
            TransientError: never connected.
            UnknownOutcomeError: the answer was lost.
            PermanentError, ConfigurationError: nothing was sent, see `Http.send`.
        """
        body = json.dumps(document, ensure_ascii=False).encode()
        stamp = str(int(self._clock.now().timestamp()))
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "X-Dayreel-Timestamp": stamp}
        if self._secret:
            headers["X-Dayreel-Signature"] = sign(self._secret, stamp, body)
        reply = self._http.send(
            "POST", self._url, attempted=attempted, has_side_effects=True, data=body, headers=headers
        )
        return replace(reply, secrets=(*reply.secrets, *hidden))

    def ask(self, url: str, *, params: Mapping[str, str], attempted: str) -> Reply:
        """Ask another address of the same receiver; it is not redirected either, as it may hold a key.

        Raises:
            TransientError, PermanentError, ConfigurationError: see `Http.send`.
        """
        return self._http.send(
            "GET", url, attempted=attempted, has_side_effects=False, params=params, follows_redirects=False
        )


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a document, as its header has it."""
    signed = b"v1:" + timestamp.encode() + b":" + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
