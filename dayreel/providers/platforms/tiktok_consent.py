"""How a TikTok account is connected: Login Kit for Desktop, and what its answer says.

Facts: developers.tiktok.com, "Login Kit for Desktop" (read 2026-12-01): loopback addresses with a port are taken, `*`
may stand for the port, the challenge is the SHA-256 in hexadecimal digits. "Get a User Access Token" (2026-11-02) and
"Manage OAuth Access Tokens" (2026-11-05): access tokens live 2 hours, refresh tokens 180 days; they change with every
use.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from dayreel.errors import PermanentError, ProviderError
from dayreel.providers.http import reveal
from dayreel.providers.platforms.renewal import seconds_after
from dayreel.providers.platforms.tiktok_api import TikTokApi
from dayreel.providers.platforms.tiktok_metrics import FOLLOWERS_SCOPE
from dayreel.vendors.access import Access
from dayreel.vendors.consent import Consent, ReadBack
from dayreel.vendors.token import Token

_UNAUDITED: Final = (
    "While the app is unaudited, TikTok takes posts with `privacy: SELF_ONLY` alone, from accounts that are set to "
    "private, of at most five people a day. `mode: inbox` leaves a draft instead."
)


def read_back(access: Access, answer: Mapping[str, Any]) -> ReadBack:
    """Return what a consent has brought, whether TikTok has audited the app, and whether the account is a private one.

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
    # Without the scope nothing is kept, and there is nothing to ask.
    kind, app, advice = _standing(access, token.access) if "video.publish" in granted else ("", "", ())
    return ReadBack(
        variables={
            "TIKTOK_ACCESS_TOKEN": token.access,
            "TIKTOK_REFRESH_TOKEN": renewing,
            "TIKTOK_OPEN_ID": str(answer.get("open_id") or ""),
        },
        token=token,
        granted=granted,
        ends={} if token.refresh_expires_at is None else {"refresh token": token.refresh_expires_at},
        kind=kind,
        app=app,
        advice=advice,
    )


def announce_nothing(api: TikTokApi, privacy: str | None, *, is_paid_partnership: bool = False) -> None:
    """Announce a post and send none of its bytes, so that there is none: TikTok says who may see what the app posts.

    Raises:
        TransientError, PermanentError: as the error table says.
    """
    body = {
        "post_info": {"privacy_level": privacy, "brand_content_toggle": is_paid_partnership},
        "source_info": {"source": "FILE_UPLOAD", "video_size": 1000, "chunk_size": 1000, "total_chunk_count": 1},
    }
    attempted = f"announce a TikTok post with privacy {privacy}, without sending it"
    api.call("/v2/post/publish/video/init/", attempted=attempted, json=body)


def _standing(access: Access, token: str) -> tuple[str, str, tuple[str, ...]]:
    """Return what kind of account it is, whether TikTok has audited the app, and what to do where it has not.

    No answer says whether an app is audited. One that is not is refused a post that more than its owner would see.
    """
    url = access.url("https://open.tiktokapis.com", "/tiktok")
    api = TikTokApi(access_token=token, base_url=url, clock=access.clock)
    creator = api.call("/v2/post/publish/creator_info/query/", attempted="ask TikTok what the account offers")
    offered = [str(option) for option in creator.get("privacy_level_options") or ()]
    # Only a private account offers its posts to followers (protocol reference, 5.2).
    kind = "private account" if "FOLLOWER_OF_CREATOR" in offered else "public account"
    seen_by_others = [option for option in offered if option != "SELF_ONLY"]
    if not seen_by_others:
        return (
            kind,
            "audited or not: the account offers posts for its owner alone, so TikTok cannot be asked",
            (_UNAUDITED,),
        )
    try:
        announce_nothing(api, seen_by_others[0])
    except ProviderError as error:
        if error.code == "unaudited_client_can_only_post_to_private_accounts":
            return kind, "not audited by TikTok", (_UNAUDITED,)
        return kind, f"audited or not: TikTok has not said ({error.code or 'no answer'})", (_UNAUDITED,)
    return kind, "audited by TikTok: it takes posts that others see", ()


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
# Of its own: TikTok refuses a consent that asks for a scope which the app does not have.
STATISTICS: Final = replace(
    CONSENT, name="statistics", optional={**CONSENT.optional, FOLLOWERS_SCOPE: "count of the account's followers"}
)
