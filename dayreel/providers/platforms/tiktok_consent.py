"""How a TikTok account is connected: Login Kit for Desktop, and what its answer says.

Facts: developers.tiktok.com, "Login Kit for Desktop" (read 2026-12-01): loopback addresses with a port are taken, `*`
may stand for the port, the challenge is the SHA-256 in hexadecimal digits. "Get a User Access Token" (2026-11-02) and
"Manage OAuth Access Tokens" (2026-11-05): access tokens live 2 hours, refresh tokens 180 days; they change with every
use.
"""

from collections.abc import Mapping
from typing import Any, Final

from dayreel.errors import PermanentError
from dayreel.providers.http import reveal
from dayreel.providers.platforms.renewal import seconds_after
from dayreel.providers.platforms.tiktok_api import TikTokApi
from dayreel.vendors.access import Access
from dayreel.vendors.consent import Consent, ReadBack
from dayreel.vendors.token import Token

_UNAUDITED: Final = (
    "While the app is unaudited, TikTok takes posts with `privacy: SELF_ONLY` alone, from accounts that are set to "
    "private, of at most five people a day. `mode: inbox` leaves a draft instead."
)


def read_back(access: Access, answer: Mapping[str, Any]) -> ReadBack:
    """Return what a consent has brought, and whether the account is one that an unaudited app may post to.

    Raises:
        TransientError, PermanentError: TikTok has answered without tokens, or the account could not be read.
    """
    now = access.clock.now()
    given, renewing = str(answer.get("access_token") or ""), str(answer.get("refresh_token") or "")
    if not given or not renewing:
        raise PermanentError(attempted="connect the TikTok account", answer="no tokens in the answer")
    token = Token(
        access=reveal(given, name="TikTok's access token"),
        refresh=reveal(renewing, name="TikTok's refresh token"),
        expires_at=seconds_after(now, answer, "expires_in"),
        refresh_expires_at=seconds_after(now, answer, "refresh_expires_in"),
        obtained_at=now,
    )
    granted = tuple(scope for scope in str(answer.get("scope") or "").split(",") if scope)
    return ReadBack(
        variables={
            "TIKTOK_ACCESS_TOKEN": token.access,
            "TIKTOK_REFRESH_TOKEN": renewing,
            "TIKTOK_OPEN_ID": str(answer.get("open_id") or ""),
        },
        token=token,
        granted=granted,
        ends={} if token.refresh_expires_at is None else {"refresh token": token.refresh_expires_at},
        kind=_kind(access, token.access) if "video.publish" in granted else "",
        app="audited or not: no answer of TikTok's says so; an app is unaudited until TikTok has written otherwise",
        advice=(_UNAUDITED,),
    )


def _kind(access: Access, token: str) -> str:
    api = TikTokApi(
        access_token=token, base_url=access.url("https://open.tiktokapis.com", "/tiktok"), clock=access.clock
    )
    creator = api.call("/v2/post/publish/creator_info/query/", attempted="ask TikTok what the account offers")
    # Only a private account offers its posts to followers (protocol reference, 5.2).
    offered = creator.get("privacy_level_options") or ()
    return "private account" if "FOLLOWER_OF_CREATOR" in offered else "public account"


CONSENT: Final = Consent(
    name="tiktok",
    app_id="TIKTOK_CLIENT_KEY",
    app_secret="TIKTOK_CLIENT_SECRET",  # noqa: S106  the variable's name
    authorize=("https://www.tiktok.com/v2/auth/authorize/", "/tiktok/v2/auth/authorize/"),
    token=("https://open.tiktokapis.com/v2/oauth/token/", "/tiktok/v2/oauth/token/"),
    scopes=("user.info.basic", "video.publish", "video.list"),
    optional={"video.upload": "drafts in the account's inbox (`mode: inbox`)"},
    loopback="http",
    register="developers.tiktok.com, Manage apps, the app, Login Kit, Desktop, Redirect URI",
    finish=read_back,
    pkce="hex",
    id_field="client_key",
    separator=",",
)
