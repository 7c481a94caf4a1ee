"""Slack's own client, held to one request a call.

What is sent through it, and what an answer means, is `slack`. Imported at the first message: the SDK costs a quarter of
a second.
"""

from typing import Any
from urllib.request import HTTPRedirectHandler, Request, build_opener

from slack_sdk import WebClient


class _NoRedirect(HTTPRedirectHandler):
    """Leave a redirect as the answer that it is."""

    def redirect_request(self, *_answer: Any) -> None:
        """Follow none."""


class OneRequestClient(WebClient):
    """A client that follows no redirect and repeats nothing.

    urllib follows a 302 to a POST with a GET, and takes the bot's token along to whichever host it names. What that
    second request is answered (`not_authed`) says nothing of the message, which was out: taken for a refusal, it was
    sent a second time.
    """

    def __init__(self, *, token: str, base_url: str, timeout: int, **more: Any) -> None:
        """See `WebClient`; its own retry of lost connections is off, as a repeated postMessage is a second message."""
        super().__init__(token=token, base_url=base_url, timeout=timeout, retry_handlers=[], **more)
        self._opener = build_opener(_NoRedirect)

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:  # noqa: ARG002  its
        with self._opener.open(req, timeout=self.timeout) as answer:
            body = answer.read().decode(answer.headers.get_content_charset() or "utf-8")
            return {"status": answer.status, "headers": answer.headers, "body": body}
