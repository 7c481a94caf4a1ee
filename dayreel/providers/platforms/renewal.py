"""Renewing access tokens where the vendor lets us: TikTok's OAuth and Instagram Login (protocol reference, 5.8, 4.6).

One attempt each. When to renew is `rules.tokens`; where tokens are kept is `stores.token_vault`. YouTube's client
renews its short access tokens itself, from a refresh token that stays the same.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dayreel.errors import PermanentError, ProviderError, TransientError
from dayreel.providers.http import Http, Reply, readable, reveal
from dayreel.providers.platforms.instagram_errors import find_row
from dayreel.providers.platforms.verdicts import to_error
from dayreel.vendors.access import Access
from dayreel.vendors.token import Token

_INVALID = frozenset({"invalid_grant", "invalid_client", "invalid_request", "unsupported_grant_type"})


def renew_tiktok(access: Access, token: Token) -> Token:
    """Return new tokens for TikTok's refresh token; the refresh token may be another one from now on.

    Raises:
        TransientError: could not be asked; the old tokens stay good as far as we know.
        PermanentError: TikTok takes the refresh token no more, or the app's key or secret is wrong.
        ConfigurationError: a variable is missing.
    """
    attempted = "renew the TikTok token"
    secret = reveal(access.secret("TIKTOK_CLIENT_SECRET"), name="TIKTOK_CLIENT_SECRET")
    refresh = reveal(token.refresh or access.secret("TIKTOK_REFRESH_TOKEN"), name="TIKTOK_REFRESH_TOKEN")
    reply = Http("TikTok", secrets=(secret, refresh, token.access), clock=access.clock).send(
        "POST",
        access.url("https://open.tiktokapis.com", "/tiktok") + "/v2/oauth/token/",
        attempted=attempted,
        has_side_effects=False,
        data={
            "client_key": access.secret("TIKTOK_CLIENT_KEY"),
            "client_secret": secret,
            "grant_type": "refresh_token",
            "refresh_token": refresh,
        },
    )
    # Errors have another shape here than in the rest of the API, and any HTTP status.
    read = reply.json()
    answer = read if isinstance(read, dict) else {}
    if "error" in answer or not reply.ok or not answer.get("access_token"):
        raise _tiktok_refusal(reply, answer, attempted)
    now = access.clock.now()
    return Token(
        access=reveal(str(answer["access_token"]), name="TikTok's access token"),
        refresh=reveal(str(answer.get("refresh_token") or refresh), name="TikTok's refresh token"),
        expires_at=seconds_after(now, answer, "expires_in"),
        refresh_expires_at=seconds_after(now, answer, "refresh_expires_in"),
        obtained_at=now,
    )


def renew_instagram(access: Access, token: Token) -> Token:
    """Return a new Instagram-Login token, good for another 60 days. The old one must be 24 h old and not expired.

    Raises:
        TransientError: could not be asked; the old token stays good.
        PermanentError: Instagram does not renew it.
    """
    attempted = "renew the Instagram token"
    answer = ask_instagram(
        access, token, "refresh_access_token", attempted=attempted, params={"grant_type": "ig_refresh_token"}
    )
    if not answer.get("access_token"):
        raise TransientError(attempted=attempted, answer="an answer without a token")
    now = access.clock.now()
    return Token(
        access=reveal(str(answer["access_token"]), name="Instagram's access token"),
        refresh=None,
        expires_at=seconds_after(now, answer, "expires_in"),
        refresh_expires_at=None,
        obtained_at=now,
    )


def prove_instagram(access: Access, token: Token) -> Token:
    """Return the token as it is, once Instagram has answered to it. A read; free.

    Raises:
        TransientError, PermanentError: as in Instagram's error table.
    """
    params = {"fields": "id,username"}
    ask_instagram(access, token, "me", attempted="ask Instagram whose token this is", params=params)
    return token


def ask_instagram(
    access: Access,
    token: Token,
    path: str,
    *,
    attempted: str,
    params: Mapping[str, str | int],
    secrets: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Ask graph.instagram.com something with a token of Instagram Login, and return the answer.

    Args:
        secrets: what else of the question must be in no message.

    Raises:
        TransientError, PermanentError: as in Instagram's error table.
    """
    value = reveal(token.access, name="INSTAGRAM_ACCESS_TOKEN")
    http = Http(
        "Instagram", headers={"Authorization": f"Bearer {value}"}, secrets=(value, *secrets), clock=access.clock
    )
    base = access.url("https://graph.instagram.com", "/instagram/graph")
    reply = http.send("GET", f"{base}/{path}", attempted=attempted, has_side_effects=False, params=params)
    answer = reply.document() if reply.ok else reply.json()
    error = answer.get("error") if isinstance(answer, dict) else None
    if reply.ok and error is None:
        return dict(answer)
    error_body = error if isinstance(error, dict) else {}
    message = readable(str(error_body.get("message") or reply.words), secrets=reply.secrets)
    code = str(error_body.get("code") or reply.status)
    row = find_row(error_body, status=reply.status)
    words = readable(f"HTTP {reply.status}, code {code}: {message}", secrets=reply.secrets)
    raise to_error(row, attempted=attempted, answer=words, code=code)


def _tiktok_refusal(reply: Reply, answer: Mapping[str, Any], attempted: str) -> ProviderError:
    code = readable(str(answer["error"]), secrets=reply.secrets) if answer.get("error") else ""
    message = readable(str(answer.get("error_description") or reply.words), secrets=reply.secrets)
    if reply.status >= 500:  # noqa: PLR2004  HTTP's own border; whatever a broken server says of the token
        return reply.error(message)
    if code in _INVALID:
        return PermanentError(
            attempted=attempted,
            answer=f"{code}: {message}",
            next_step="Connect the TikTok account again: `dayreel connect tiktok`.",
            code=code,
        )
    if reply.ok or code:
        return TransientError(attempted=attempted, answer=f"{code or 'no access_token'}: {message}", code=code or None)
    return reply.error(message)


def seconds_after(now: datetime, answer: Mapping[str, Any], name: str) -> datetime | None:
    """Return when something ends that an answer gives in seconds from now; None where it does not say."""
    seconds = answer.get(name)
    return now + timedelta(seconds=float(seconds)) if isinstance(seconds, int | float) else None
