"""One attempt and an end for every read that fal's SDK makes.

The SDK repeats a read up to ten times with 120 seconds each, and waits for a result without a limit; a step that polls
for minutes anyway wants one short attempt and a typed error. Errors of ours pass through the SDK's loop unchanged.
"""

from collections.abc import Mapping, Sequence

import httpx

from dayreel.errors import TransientError
from dayreel.providers.http import readable, retry_after_s

_REPEATED_BY_THE_SDK = frozenset({408, 409, 429})
_FROM_THE_GATEWAY = frozenset({502, 503, 504})


class BoundedReads(httpx.BaseTransport):
    """Sends through `inner`, at most `limit` requests.

    Args:
        inner: the SDK's own transport; shared, and therefore never closed from here.
        attempted: a clause for messages.
        timeout: seconds for connect, read, write and pool, instead of what the SDK asks for.
        limit: after so many requests the SDK is turning in circles.
        secrets: taken out of whatever an answer says.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        *,
        attempted: str,
        timeout: Mapping[str, float],
        limit: int,
        secrets: Sequence[str] = (),
    ) -> None:
        """Keep the settings; nothing is opened."""
        self._secrets = tuple(secrets)
        self._inner = inner
        self._attempted = attempted
        self._timeout = dict(timeout)
        self._left = limit

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            TransientError: no answer, an answer that asks to come again, or one request too many.
        """
        if self._left <= 0:
            raise TransientError(attempted=self._attempted, answer="a status that went back from COMPLETED")
        self._left -= 1
        request.extensions["timeout"] = self._timeout
        try:
            response = self._inner.handle_request(request)
            response.read()
        except httpx.TransportError as error:
            raise TransientError(
                attempted=self._attempted, answer=f"no whole answer ({type(error).__name__})"
            ) from None
        if _would_be_repeated(response):
            raise TransientError(
                attempted=self._attempted,
                answer=f"HTTP {response.status_code}, {readable(response.text[:4096], secrets=self._secrets)}",
                retry_after_s=retry_after_s(response.headers),
            )
        return response


def _would_be_repeated(response: httpx.Response) -> bool:
    if response.status_code in _FROM_THE_GATEWAY:
        return "nginx" in response.text
    return response.status_code in _REPEATED_BY_THE_SDK
