"""How an Instagram account is connected, by Instagram Login or by Facebook Login, and what the answers say.

Facts: developers.facebook.com, "Business Login for Instagram" (2026-03-13) and "Oauth Authorize" (2025-07-17): the
registered address has to be the same to the letter, https even on this machine, and `#_` does not belong to the code.
Neither login documents PKCE, so none is sent: the app's secret and the state bind the code. An hour's token is
exchanged for one of 60 days (protocol reference, 4.6). `debug_token` says what kind a Facebook token is and when it
and its access to data end, without which an hour's token looks like any other (Corrections).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from dayreel.errors import PermanentError
from dayreel.providers.http import reveal
from dayreel.providers.platforms.instagram_graph import API_VERSION, Graph
from dayreel.providers.platforms.renewal import ask_instagram, seconds_after
from dayreel.vendors.access import Access
from dayreel.vendors.consent import Consent, ReadBack
from dayreel.vendors.token import Token

_CONNECTING: Final = "connect the Instagram account"
_ROLES: Final = "no answer says; an app that Meta has not reviewed works for accounts that have a role in it"
_FETCHED: Final = (
    "Instagram fetches videos of this login from a public address; with Facebook Login (`--way facebook`) they are "
    "uploaded."
)


def read_back_login(access: Access, answer: Mapping[str, Any]) -> ReadBack:
    """Exchange an hour's token of Instagram Login for one of 60 days, and read back whose it is.

    Raises:
        TransientError, PermanentError: as in Instagram's error table.
    """
    now = access.clock.now()
    # The reference shows a list, recorded answers a plain object.
    rows = answer.get("data")
    brought: Mapping[str, Any] = rows[0] if isinstance(rows, list) and rows else answer
    permissions = brought.get("permissions") or ()
    granted = tuple(permissions.split(",") if isinstance(permissions, str) else map(str, permissions))
    short = Token(reveal(str(brought.get("access_token") or ""), name="Instagram's token"), None, None, None, now)
    secret = reveal(access.secret("INSTAGRAM_APP_SECRET"), name="INSTAGRAM_APP_SECRET")
    exchanged = ask_instagram(
        access,
        short,
        "access_token",
        attempted="exchange Instagram's token for a long-lived one",
        params={"grant_type": "ig_exchange_token", "client_secret": secret},
        secrets=(secret,),
    )
    token = Token(
        access=reveal(str(exchanged.get("access_token") or ""), name="Instagram's long-lived token"),
        refresh=None,
        expires_at=seconds_after(now, exchanged, "expires_in"),
        refresh_expires_at=None,
        obtained_at=now,
    )
    params = {"fields": "user_id,username,account_type"}
    account = ask_instagram(access, token, f"{API_VERSION}/me", attempted="read the Instagram account", params=params)
    return ReadBack(
        variables={
            "INSTAGRAM_ACCESS_TOKEN": token.access,
            "INSTAGRAM_ACCOUNT_ID": str(account.get("user_id") or account.get("id") or ""),
        },
        token=token,
        granted=granted,
        ends={} if token.expires_at is None else {"access token": token.expires_at},
        kind=f"professional account ({account['account_type']})" if account.get("account_type") else "",
        app=_ROLES,
        advice=(_FETCHED,),
    )


def read_back_facebook(access: Access, answer: Mapping[str, Any]) -> ReadBack:
    """Exchange an hour's user token for the Page's own token, which has no end, and read back what it is.

    Raises:
        PermanentError: no Page has a professional account, or several have and nobody has said which; or the token is
            not a Page's.
        TransientError: Meta could not be asked.
    """
    app_id, app_secret = access.secret("FACEBOOK_APP_ID"), access.secret("FACEBOOK_APP_SECRET")
    long_lived = _graph(access, str(answer.get("access_token") or ""), secrets=(app_secret,)).call(
        "GET",
        "oauth/access_token",
        attempted="exchange Facebook's token for a long-lived one",
        params={
            "grant_type": "fb_exchange_token",
            "client_id": app_id,
            "client_secret": app_secret,
            "fb_exchange_token": str(answer.get("access_token") or ""),
        },
    )
    user = _graph(access, str(long_lived.get("access_token") or ""))
    fields: dict[str, str | int] = {"fields": "name,access_token,instagram_business_account{id,username}"}
    pages = (
        user.call("GET", "me/accounts", attempted="list the Pages that were allowed", params=fields).get("data") or []
    )
    page = _chosen([row for row in pages if row.get("instagram_business_account")], access)
    token = reveal(str(page.get("access_token") or ""), name="the Page's token")
    seen: dict[str, str | int] = {"input_token": token}
    facts = (
        _graph(access, token).call("GET", "debug_token", attempted="read what the token is", params=seen).get("data")
    )
    facts = facts or {}
    if facts.get("type") != "PAGE":
        raise PermanentError(
            attempted=_CONNECTING,
            answer=f"a token of the type {facts.get('type') or 'unknown'} where a Page's was expected",
            next_step="Nothing was changed; begin again, and allow the Page on the page that opens.",
        )
    ends = {
        what: datetime.fromtimestamp(facts[name], UTC)
        for what, name in (("access token", "expires_at"), ("data access", "data_access_expires_at"))
        if isinstance(facts.get(name), int) and facts[name] > 0  # 0 is for ever
    }
    return ReadBack(
        variables={
            "INSTAGRAM_ACCESS_TOKEN": token,
            "INSTAGRAM_ACCOUNT_ID": str(page["instagram_business_account"].get("id")),
        },
        token=None,
        granted=tuple(map(str, facts.get("scopes") or ())),
        ends=ends,
        kind=f"professional account of the Page {page.get('name')!r}",
        app=_ROLES,
    )


def _graph(access: Access, token: str, secrets: tuple[str, ...] = ()) -> Graph:
    return Graph(
        access_token=token,
        graph_url=access.url("https://graph.facebook.com", "/instagram/graph"),
        rupload_url=None,
        api_version=API_VERSION,
        clock=access.clock,
        secrets=secrets,
    )


def _chosen(pages: list[dict[str, Any]], access: Access) -> dict[str, Any]:
    wanted = access.variable("INSTAGRAM_ACCOUNT_ID")
    fitting = [page for page in pages if page["instagram_business_account"].get("id") == wanted]
    if len(pages) == 1 or fitting:
        return (fitting or pages)[0]
    if not pages:
        raise PermanentError(
            attempted=_CONNECTING,
            answer="no Page that was allowed has a professional account",
            next_step="In the Instagram app make the account a professional one and connect it to a Page of yours; "
            "begin again and allow that Page.",
        )
    accounts = [page["instagram_business_account"] for page in pages]
    listed = ", ".join(f"{account.get('username')} ({account.get('id')})" for account in accounts)
    raise PermanentError(
        attempted=_CONNECTING,
        answer=f"several accounts: {listed}",
        next_step="Put INSTAGRAM_ACCOUNT_ID=... with the right one into .env, or allow one Page alone; begin again.",
    )


LOGIN: Final = Consent(
    name="instagram",
    app_id="INSTAGRAM_APP_ID",
    app_secret="INSTAGRAM_APP_SECRET",  # noqa: S106  the variable's name
    authorize=("https://www.instagram.com/oauth/authorize", "/instagram/oauth/authorize"),
    token=("https://api.instagram.com/oauth/access_token", "/instagram/oauth/access_token"),
    scopes=("instagram_business_basic", "instagram_business_content_publish"),
    optional={"instagram_business_manage_insights": "counters of posts"},
    loopback="https",
    register="developers.facebook.com, the app, Instagram, API setup with Instagram login, Business login settings",
    finish=read_back_login,
    pkce=None,
    separator=",",
)
FACEBOOK: Final = Consent(
    name="facebook",
    app_id="FACEBOOK_APP_ID",
    app_secret="FACEBOOK_APP_SECRET",  # noqa: S106  the variable's name
    authorize=(f"https://www.facebook.com/{API_VERSION}/dialog/oauth", "/instagram/dialog/oauth"),
    token=(
        f"https://graph.facebook.com/{API_VERSION}/oauth/access_token",
        f"/instagram/graph/{API_VERSION}/oauth/access_token",
    ),
    scopes=("pages_show_list", "instagram_basic", "instagram_content_publish", "pages_read_engagement"),
    optional={"instagram_manage_insights": "counters of posts"},
    loopback="https",
    register="developers.facebook.com, the app, Facebook Login for Business, Settings, Valid OAuth Redirect URIs",
    finish=read_back_facebook,
    pkce=None,
    separator=",",
    method="GET",
)
