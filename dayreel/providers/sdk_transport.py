"""Lets vendors' SDKs that speak httpx send through `Http`: one attempt, deadlines, typed errors.

What an SDK makes of an answer is left to it; who judges the answer finds it in `reply`.
"""

from typing import Final

import httpx

from dayreel.providers.http import Http, Reply

_OF_THE_WIRE: Final = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


class HttpTransport(httpx.BaseTransport):
    """Sends the requests of one call.

    Args:
        attempted: a clause for messages.
        has_side_effects: whether a lost answer to anything but a GET leaves doubt.
        reference: the vendor's id of what it is about, where there is one.
    """

    def __init__(self, http: Http, *, attempted: str, has_side_effects: bool, reference: str | None = None) -> None:
        """Keep the settings; nothing is opened."""
        self._http = http
        self._attempted = attempted
        self._has_side_effects = has_side_effects
        self._reference = reference
        self.reply: Reply | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. See `Http.send` for the errors, which SDKs wrap: they are the `__cause__` of theirs."""
        self.reply = self._http.send(
            request.method,
            str(request.url),
            attempted=self._attempted,
            has_side_effects=self._has_side_effects and request.method != "GET",
            headers={name: value for name, value in request.headers.items() if name.lower() not in _OF_THE_WIRE},
            data=request.read() or None,
            reference=self._reference,
        )
        headers = {name: value for name, value in self.reply.headers.items() if name.lower() not in _OF_THE_WIRE}
        return httpx.Response(self.reply.status, headers=headers, content=self.reply.body, request=request)
