"""How dayreel speaks to the Graph API: one call, one upload of bytes, Graph's errors typed (reference, 4.2, 4.5).

Here belongs the wire and nothing of what a post is; that is `instagram.py`.
"""

import json as jsonlib
from typing import Any, Final

from pydantic import SecretStr

from dayreel.clock import Clock
from dayreel.errors import PermanentError, ProviderError, TransientError
from dayreel.providers.http import Http, Reply, readable, reveal
from dayreel.providers.platforms.approved import FileSlice, approved_file, belongs_to
from dayreel.providers.platforms.contract import PostRequest
from dayreel.providers.platforms.instagram_errors import find_row
from dayreel.providers.platforms.verdicts import to_error

API_VERSION: Final = "v25.0"
GONE_CODES = ("24", "100/33", "24/2207006", "24/2207008")
"""What Graph answers about an id it does not know, or no longer knows."""


class Graph:
    """One token's view of the Graph API; every error has the code as `code` or `code/subcode`."""

    def __init__(
        self,
        *,
        access_token: SecretStr | str,
        graph_url: str,
        rupload_url: str | None,
        api_version: str,
        clock: Clock,
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Keep the settings; nothing is sent.

        Args:
            secrets: what else is sent and must be in no message.

        Raises:
            ConfigurationError: the token is empty or cannot be in a header.
        """
        self._token = reveal(access_token, name="INSTAGRAM_ACCESS_TOKEN")
        self._secrets = (self._token, *secrets)
        self.url = f"{graph_url.rstrip('/')}/{api_version}"
        self._rupload_url = rupload_url and f"{rupload_url.rstrip('/')}/ig-api-upload/{api_version}"
        self._upload_owners = tuple(url for url in (graph_url, rupload_url) if url)
        self._http = Http(
            "Instagram",
            headers={"Authorization": f"Bearer {self._token}"},
            secrets=self._secrets,
            read_s=120,
            clock=clock,
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        attempted: str,
        reference: str | None = None,
        params: dict[str, str | int] | None = None,
        json: dict[str, Any] | None = None,
        is_publishing: bool = False,
    ) -> dict[str, Any]:
        """Make one call and return the answer.

        Only `media_publish` is publishing: a container whose answer is lost stays invisible and dies (reference, 0.1).

        Raises:
            TransientError, PermanentError: as the error table says.
            UnknownOutcomeError: the answer to a publishing call was lost, or proves nothing.
        """
        reply = self._http.send(
            method,
            f"{self.url}/{path}",
            attempted=attempted,
            has_side_effects=is_publishing,
            params=params,
            json=json,
            reference=reference,
        )
        if not reply.ok:
            raise self._error(reply, reference=reference, is_publishing=is_publishing)
        answer = reply.document()
        if "error" in answer:
            raise self._error(reply, reference=reference, is_publishing=is_publishing)
        return answer

    def upload(self, request: PostRequest, *, container: str, uri: str | None) -> None:
        """Stream the approved video into a container. Safe to repeat with another container.

        Raises:
            TransientError: broke off, or Instagram calls it retriable.
            PermanentError: refused; or the address is not Instagram's, and the token is not sent there.
            UsageError: the file is not the approved one.
        """
        attempted = "upload the video to Instagram"
        uri = uri or (self._rupload_url and f"{self._rupload_url}/{container}")
        if uri is None or not belongs_to(uri, self._upload_owners):
            raise PermanentError(
                attempted=attempted,
                answer="no upload address of Instagram's own; the token is not sent elsewhere",
                reference=container,
                next_step="Check the Graph address; set the rupload address if it is another one.",
            )
        with approved_file(request) as file:
            reply = self._http.send(
                "POST",
                uri,
                attempted=attempted,
                has_side_effects=False,
                reference=container,
                headers={
                    "Authorization": f"OAuth {self._token}",
                    "offset": "0",
                    "file_size": str(request.size_bytes),
                    "Content-Type": "application/octet-stream",
                },
                data=FileSlice(file, first=0, length=request.size_bytes),
            )
        answer = reply.json()
        if not (reply.ok and isinstance(answer, dict) and answer.get("success") is True):
            raise self._upload_error(reply, answer, container)

    def _upload_error(self, reply: Reply, answer: Any, container: str) -> ProviderError:
        debug = answer.get("debug_info") if isinstance(answer, dict) else None
        if not isinstance(debug, dict):
            return self._error(reply, reference=container, is_publishing=False)
        kind = TransientError if debug.get("retriable") is True else PermanentError
        return kind(
            attempted=reply.attempted,
            answer=readable(f"{debug.get('type')}: {debug.get('message')}", secrets=self._secrets),
            reference=container,
            next_step="" if kind is TransientError else "Look at the video; then retry.",
            code=str(debug.get("type")),
        )

    def _error(self, reply: Reply, *, reference: str | None, is_publishing: bool) -> ProviderError:
        body = reply.json()
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            error = {}
        code = "/".join(str(part) for part in (error.get("code"), error.get("error_subcode")) if part is not None)
        message = error.get("error_user_msg") or error.get("message")
        trace = f", fbtrace_id {error['fbtrace_id']}" if error.get("fbtrace_id") else ""
        words = readable(str(message), secrets=self._secrets) if message else reply.words
        return to_error(
            find_row(error, status=reply.status),
            attempted=reply.attempted,
            answer=readable(
                f"HTTP {reply.status}{f', code {code}' if code else ''}: {words}{trace}", secrets=self._secrets
            ),
            code=code or str(reply.status),
            reference=reference,
            is_publishing=is_publishing,
            retry_after_s=_usage_wait_s(reply) or reply.wait_s,
        )


def _usage_wait_s(reply: Reply) -> float | None:
    """Return the wait that `X-Business-Use-Case-Usage` names (minutes until access comes back), in seconds."""
    try:
        usage = jsonlib.loads(reply.headers.get("X-Business-Use-Case-Usage") or "{}")
    except ValueError:
        return None
    groups = usage.values() if isinstance(usage, dict) else ()
    rows = [row for group in groups if isinstance(group, list) for row in group if isinstance(row, dict)]
    minutes = max((float(row.get("estimated_time_to_regain_access") or 0) for row in rows), default=0.0)
    return minutes * 60 if minutes else None
