"""How a YouTube channel is connected: Google's OAuth for installed apps, and what its answer says.

Facts: developers.google.com, "OAuth 2.0 for desktop apps" (read 2026-12-01): any port of 127.0.0.1, PKCE S256;
without `access_type=offline` and `prompt=consent` a second consent brings no refresh token. "How to handle granular
permissions": people may allow some scopes and not others. An app whose consent screen is in testing gets refresh
tokens for 7 days ("Refresh token expiration"); the answer then has `refresh_token_expires_in` (in recorded answers of
2023 to 2026).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from dayreel.errors import PermanentError
from dayreel.providers.platforms.renewal import seconds_after
from dayreel.providers.platforms.youtube_analytics import LOST
from dayreel.providers.platforms.youtube_analytics import SCOPE as ANALYTICS_SCOPE
from dayreel.providers.platforms.youtube_api import YouTubeApi
from dayreel.vendors.access import Access
from dayreel.vendors.consent import Consent, ReadBack

TOKEN_URL: Final = ("https://oauth2.googleapis.com/token", "/google/token")
_SCOPE: Final = "https://www.googleapis.com/auth/"
_TESTING: Final = timedelta(days=8)


def read_back(access: Access, answer: Mapping[str, Any]) -> ReadBack:
    """Return what a consent has brought, and whether Google has let the app out of testing.

    Raises:
        PermanentError: there is no refresh token; or the Google account has no channel.
        TransientError: it could not be asked.
    """
    attempted, now = "connect the YouTube channel", access.clock.now()
    refresh, granted = str(answer.get("refresh_token") or ""), tuple(str(answer.get("scope") or "").split())
    if not refresh:
        raise PermanentError(
            attempted=attempted,
            answer="no refresh token",
            next_step="Take dayreel's access away at myaccount.google.com/connections, then connect again.",
        )
    api = YouTubeApi(
        client_id=access.secret("YOUTUBE_CLIENT_ID"),
        client_secret=access.secret("YOUTUBE_CLIENT_SECRET"),
        refresh_token=refresh,
        base_url=access.url("https://youtube.googleapis.com", "/youtube"),
        token_url=access.url(*TOKEN_URL),
        clock=access.clock,
    )
    channels: list[dict[str, Any]] = []
    if f"{_SCOPE}youtube.readonly" in granted:  # without it nothing is kept, and there is nothing to read
        params: dict[str, str | int] = {"part": "snippet", "mine": "true"}
        channels = api.call("/youtube/v3/channels", attempted=attempted, params=params).get("items") or []
        if not channels:
            raise PermanentError(
                attempted=attempted,
                answer="the Google account has no YouTube channel",
                next_step="Create a channel for it at youtube.com, then connect again; or choose another account.",
            )
    ends_at = seconds_after(now, answer, "refresh_token_expires_in")
    is_testing = ends_at is not None and ends_at - now < _TESTING
    publish = "In Google's console, Google Auth Platform, Audience: Publish app. Then connect again."
    return ReadBack(
        variables={
            "YOUTUBE_REFRESH_TOKEN": refresh,
            "YOUTUBE_CHANNEL_ID": str(channels[0].get("id")) if channels else "",
        },
        token=None,
        granted=granted,
        ends={} if ends_at is None else {"refresh token": ends_at},
        kind="",
        app="in testing: Google ends its refresh tokens after 7 days"
        if is_testing
        else "in production: its refresh tokens have no end",
        advice=(publish,) if is_testing else (),
    )


CONSENT: Final = Consent(
    name="google",
    app_id="YOUTUBE_CLIENT_ID",
    app_secret="YOUTUBE_CLIENT_SECRET",  # noqa: S106  the variable's name
    authorize=("https://accounts.google.com/o/oauth2/v2/auth", "/google/auth"),
    token=TOKEN_URL,
    scopes=(f"{_SCOPE}youtube.upload", f"{_SCOPE}youtube.readonly"),
    optional={
        f"{_SCOPE}{ANALYTICS_SCOPE}": LOST,
        f"{_SCOPE}youtube.force-ssl": "adding videos to a playlist (`playlist_id`) and subtitles to them (`subtitles`)",
    },
    loopback="http",
    register="not for an OAuth client of the type Desktop app; for one of the type Web application at "
    "console.cloud.google.com, Google Auth Platform, Clients, Authorized redirect URIs",
    finish=read_back,
    more={"access_type": "offline", "prompt": "consent"},
)
