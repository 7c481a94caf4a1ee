"""One's own sessions and tokens; for admins, the people, their one-time links, and the record of acts."""

from starlette.responses import JSONResponse, Response

from dayreel.desk.pages.page import PageRequest
from dayreel.errors import UsageError
from dayreel.rules.roles import ROLES, role_named
from dayreel.services.audit import recent_acts
from dayreel.services.desk.users import account_kinds


def account(request: PageRequest) -> Response:
    """Show one's own sessions and tokens."""
    return _account(request, token=None)


def end_session(request: PageRequest) -> Response:
    """End one of one's own sessions."""
    request.desk.sessions.end(request.field("key"), user_id=request.person.user_id, by=request.person.name)
    return request.done("/account", "session-ended")


def make_token(request: PageRequest) -> Response:
    """Make an API token; it is shown once.

    Raises:
        UsageError: it has no label.
    """
    user = request.desk.users.named(request.person.name)
    role = role_named(request.field("role") or request.person.role)
    if request.person.how == "token":
        raise UsageError("A token makes no tokens.", next_step="Log in and make it on the page of your account.")
    token = request.desk.sessions.make_token(user, request.field("label"), role=role, by=request.person.name)
    return _account(request, token=token)


def revoke_token(request: PageRequest) -> Response:
    """Revoke one of one's own tokens."""
    key = request.field("key")
    if key.isdecimal():
        request.desk.sessions.revoke_token(int(key), user_id=request.person.user_id, by=request.person.name)
    return request.done("/account", "token-revoked")


def people(request: PageRequest) -> Response:
    """Show everybody, and what was done lately."""
    return _people(request, link=None)


def add_user(request: PageRequest) -> Response:
    """Add somebody; the page then shows their one-time link, once.

    Raises:
        UsageError: the name is taken or unusable.
    """
    token = request.desk.users.add(request.field("name"), request.field("role"), by=request.person.name)
    return _people(request, link=token)


def new_link(request: PageRequest) -> Response:
    """Make a new one-time link for somebody."""
    return _people(request, link=request.desk.users.invite_again(request.field("name"), by=request.person.name))


def change_role(request: PageRequest) -> Response:
    """Give somebody another role; their sessions end.

    Raises:
        UsageError: there is no such person or role, or they are the last admin.
    """
    request.desk.users.change_role(request.field("name"), request.field("role"), by=request.person.name)
    return request.done("/people", "role-changed")


def connect_account(request: PageRequest) -> Response:
    """Map an account elsewhere to somebody.

    Raises:
        UsageError: it is another person's, or none.
    """
    name, kind, account = (request.field(field) for field in ("name", "kind", "account"))
    request.desk.users.connect(name, kind, account, by=request.person.name)
    return request.done("/people", "account-connected")


def disconnect_account(request: PageRequest) -> Response:
    """Take an account elsewhere from somebody.

    Raises:
        UsageError: it is not theirs.
    """
    name, kind, account = (request.field(field) for field in ("name", "kind", "account"))
    request.desk.users.disconnect(name, kind, account, by=request.person.name)
    return request.done("/people", "account-disconnected")


def change_password(request: PageRequest) -> Response:
    """Change one's own password; every session ends, this one too.

    Raises:
        UsageError: the new password is typed in two ways, too short or too long, or a token asks.
        GateClosedError: the present password is another.
    """
    if request.person.how == "token":
        raise UsageError("A token changes no password.", next_step="Log in and change it on the page of your account.")
    password = request.field("password")
    if password != request.field("again"):
        raise UsageError(
            "The new password is typed in two ways.", next_step="Type the same twice; nothing was changed."
        )
    name, tries = request.person.name, f"password:{request.person.user_id}"
    request.desk.logins.try_once(tries)
    request.desk.users.change_password(name, password, by=name, present=request.field("present"))
    request.desk.logins.forget(tries)
    return request.done("/login", "password-changed")


def disable_user(request: PageRequest) -> Response:
    """Lock somebody out."""
    request.desk.users.disable(request.field("name"), by=request.person.name)
    return request.done("/people", "user-disabled")


def enable_user(request: PageRequest) -> Response:
    """Let somebody in again."""
    request.desk.users.enable(request.field("name"), by=request.person.name)
    return request.done("/people", "user-enabled")


def _account(request: PageRequest, *, token: str | None) -> Response:
    if token is not None and request.wants_json:
        return JSONResponse({"token": token})
    mine = request.person.user_id
    return request.show(
        "account.html",
        sessions=request.desk.sessions.sessions_of(mine),
        tokens=request.desk.sessions.tokens_of(mine),
        roles=[role for role in ROLES if request.may(role)],
        token=token,
    )


def _people(request: PageRequest, *, link: str | None) -> Response:
    with request.desk.project.catalog.read() as connection:
        acts = recent_acts(connection)
    base = request.desk.public_url or f"http://{request.http.headers.get('host', '')}"
    shown = None if link is None else f"{base.rstrip('/')}/welcome/{link}"
    return request.show(
        "people.html", people=request.desk.users.list(), acts=acts, roles=ROLES, kinds=account_kinds(), link=shown
    )
