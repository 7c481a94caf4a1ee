"""The accounts to which videos are posted: which are connected, until when, and connecting one in the browser.

For admins. The way back from a platform keeps no token, because any site can cause it: it shows whose account that is,
and a form of this desk keeps it. No token and no secret is on any page.
"""

from dataclasses import dataclass

from starlette.responses import Response

from dayreel.desk.pages.page import PageRequest
from dayreel.queries.connections import ConnectedAccount, connected_accounts
from dayreel.services.setting_up.connect_account import (
    Attempt,
    ConsentedAccount,
    begin,
    connectable,
    consent_of,
    finish,
    keep,
    missing_app,
    why_not_here,
    world_asked,
)
from dayreel.vendors.record import Setting
from dayreel.vendors.registry import platform_named


@dataclass(frozen=True)
class ConsentChoice:
    """One way to connect an account of a platform at this desk.

    Attributes:
        app: what of the app is typed first.
        problem: why it cannot be done at this address; empty where it can.
    """

    platform: str
    way: str
    account: ConnectedAccount | None
    app: list[Setting]
    redirect_uri: str
    register: str
    problem: str
    is_one_of_several: bool


def show_accounts(request: PageRequest) -> Response:
    """Show every platform whose accounts are connected in a browser."""
    return _page(request)


def ask_for_consent(request: PageRequest) -> Response:
    """Begin to connect an account, and show where to go on.

    Raises:
        UsageError, ConfigurationError: it cannot be connected here, or the app's id or secret is missing.
    """
    platform, way = request.path("platform"), request.field("way") or None
    consent = consent_of(platform, way)
    wanted = [part.variable for part in missing_app(request.project.settings, platform, consent)]
    app = {name: request.field(name).strip() for name in wanted if request.field(name).strip()}
    attempt = begin(request.project, platform, way=way, redirect_uri=_redirect_uri(request, platform), app=app)
    request.desk.consents.put(attempt, user_id=request.person.user_id)
    return _page(request, attempt=attempt)


def come_back(request: PageRequest) -> Response:
    """Take a platform's answer and show whose account it is; nothing is kept yet.

    Raises:
        UsageError: this person has asked for no such consent, or too long ago.
        PermanentError, TransientError, ConfigurationError: it was not allowed, or the tokens do not work.
    """
    attempt = request.desk.consents.take(request.query("state"), Attempt, user_id=request.person.user_id)
    consented = finish(request.project, attempt, str(request.http.url))
    key = request.desk.consents.put(consented, user_id=request.person.user_id)
    return _page(request, consented=consented, key=key)


def keep_account(request: PageRequest) -> Response:
    """Keep the account that was shown.

    Raises:
        UsageError: none was shown to this person, or too long ago.
    """
    consented = request.desk.consents.take(request.field("key"), ConsentedAccount, user_id=request.person.user_id)
    keep(request.project, consented, via=request.via)
    return request.done("/connect", "platform-connected", account=str(consented.account))


def _page(
    request: PageRequest,
    *,
    attempt: Attempt | None = None,
    consented: ConsentedAccount | None = None,
    key: str = "",
) -> Response:
    return request.show(
        "platform_accounts.html", choices=_choices(request), attempt=attempt, consented=consented, key=key
    )


def _choices(request: PageRequest) -> list[ConsentChoice]:
    settings = request.project.settings
    with request.project.catalog.read() as connection:
        accounts = connected_accounts(connection, world_asked(settings))
    return [
        ConsentChoice(
            platform=platform,
            way=consent.name,
            account=accounts.get(platform),
            app=missing_app(settings, platform, consent),
            redirect_uri=_redirect_uri(request, platform),
            register=consent.register,
            problem=why_not_here(consent, _redirect_uri(request, platform)),
            is_one_of_several=len(platform_named(platform).consents) > 1,
        )
        for platform in connectable()
        for consent in platform_named(platform).consents
    ]


def _redirect_uri(request: PageRequest, platform: str) -> str:
    base = request.desk.public_url or f"http://{request.http.headers.get('host', '')}"
    return f"{base.rstrip('/')}/connect/{platform}/callback"
