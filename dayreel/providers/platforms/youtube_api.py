"""How dayreel speaks to YouTube: access tokens, calls with their errors typed (protocol reference, 6.4, 6.7).

Here belongs the wire and nothing of what a post is; uploads are `youtube_session.py`, posts `youtube.py`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import SecretStr

from dayreel.clock import Clock
from dayreel.errors import PermanentError, ProviderError
from dayreel.providers.http import Body, Http, Reply, readable, reveal
from dayreel.providers.platforms.approved import belongs_to
from dayreel.providers.platforms.verdicts import to_error
from dayreel.providers.platforms.youtube_errors import find_row, reason_of

_SPARE = timedelta(minutes=2)
_GOOGLE = "https://www.googleapis.com"
ANALYTICS_URL: Final = ("https://youtubeanalytics.googleapis.com", "/youtubeanalytics")


class YouTubeApi:
    """One refresh token's view of the Data and the Analytics API; every error has YouTube's reason as its code."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: SecretStr | str,
        refresh_token: SecretStr | str,
        base_url: str,
        token_url: str,
        clock: Clock,
        analytics_url: str = ANALYTICS_URL[0],
    ) -> None:
        """Keep the settings; nothing is sent.

        Raises:
            ConfigurationError: a secret is empty or cannot be in a header.
        """
        self.url = base_url.rstrip("/")
        self.analytics_url = analytics_url.rstrip("/")
        self._client_id = client_id
        self._client_secret = reveal(client_secret, name="YOUTUBE_CLIENT_SECRET")
        self._refresh_token = reveal(refresh_token, name="YOUTUBE_REFRESH_TOKEN")
        self._token_url = token_url
        self._clock = clock
        self._access_token = ""
        self._valid_until: datetime | None = None

    def call(
        self,
        path: str,
        *,
        attempted: str,
        params: dict[str, str | int],
        reference: str | None = None,
        base: str | None = None,
    ) -> dict[str, Any]:
        """Read something and return the answer: of the Data API, or of the one at `base`.

        Raises:
            TransientError, PermanentError: as the error table says.
        """
        reply = self.send("GET", f"{base or self.url}{path}", attempted=attempted, params=params, reference=reference)
        if not reply.ok:
            raise self.error(reply, reference=reference)
        return reply.document()

    def send(
        self,
        method: str,
        url: str,
        *,
        attempted: str,
        is_publishing: bool = False,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        data: Body | None = None,
        reference: str | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Reply:
        """Send one request with an access token and return the whole answer, whatever its status.

        A request without a body that is answered 401 is sent once more with a fresh token. A body is not: its sender
        has to find out first where it stands.

        Raises:
            TransientError, PermanentError, UnknownOutcomeError: no answer; or no token, see `error`.
        """
        if not belongs_to(url, (self.url, self.analytics_url, _GOOGLE)):
            raise PermanentError(
                attempted=attempted,
                answer="an address that is not YouTube's; the token is not sent there",
                reference=reference,
                next_step="Start the post again; report it if it happens again.",
            )

        def once() -> Reply:
            token = self._token()
            http = Http(
                "YouTube",
                headers={"Authorization": f"Bearer {token}"},
                secrets=(token, self._refresh_token, self._client_secret, *secrets),
                read_s=120,
                clock=self._clock,
            )
            return http.send(
                method,
                url,
                attempted=attempted,
                has_side_effects=is_publishing,
                headers=headers,
                params=params,
                json=json,
                data=data,
                reference=reference,
            )

        reply = once()
        if reply.status != 401:  # noqa: PLR2004  the access token
            return reply
        self._valid_until = None
        return reply if data is not None else once()

    def error(self, reply: Reply, *, reference: str | None = None, is_publishing: bool = False) -> ProviderError:
        """Return the typed error of an answer, by its reason."""
        body = reply.json() if isinstance(reply.json(), dict) else {}
        reason = reason_of(body, status=reply.status)
        error = body.get("error")
        message = error.get("message") if isinstance(error, dict) else body.get("error_description")
        words = readable(str(message), secrets=reply.secrets) if message else reply.words
        return to_error(
            find_row(reason, status=reply.status),
            attempted=reply.attempted,
            answer=readable(f"HTTP {reply.status}, {reason}: {words}", secrets=reply.secrets),
            code=reason,
            reference=reference,
            is_publishing=is_publishing,
            retry_after_s=reply.wait_s,
        )

    def _token(self) -> str:
        if self._valid_until is None or self._clock.now() >= self._valid_until:
            self._refresh()
        return self._access_token

    def _refresh(self) -> None:
        http = Http("Google", secrets=(self._refresh_token, self._client_secret), clock=self._clock)
        reply = http.send(
            "POST",
            self._token_url,
            attempted="refresh the YouTube access token",
            has_side_effects=False,
            data={
                "client_id": self._client_id,
                "client_secret": self._client_secret,
                "refresh_token": self._refresh_token,
                "grant_type": "refresh_token",
            },
        )
        if not reply.ok:
            raise self.error(reply)
        answer = reply.document()
        self._access_token = reveal(str(answer.get("access_token") or ""), name="Google's access token")
        self._valid_until = self._clock.now() + timedelta(seconds=float(answer.get("expires_in", 3600))) - _SPARE
