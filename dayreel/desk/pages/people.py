"""One's own sessions and tokens; for admins, the people, their one-time links, and the record of acts."""

from starlette.responses import JSONResponse, Response

from dayreel.desk.pages.frame import Visit
from dayreel.errors import UsageError
from dayreel.rules.roles import ROLES, role_named
from dayreel.services.audit import recent_acts


def account(visit: Visit) -> Response:
    """Show one's own sessions and tokens."""
    return _account(visit, token=None)


def end_session(visit: Visit) -> Response:
    """End one of one's own sessions."""
    visit.room.visits.end(visit.field("key"), user_id=visit.person.user_id, by=visit.person.name)
    return visit.done("/account", "session-ended")


def make_token(visit: Visit) -> Response:
    """Make an API token; it is shown once.

    Raises:
        UsageError: it has no label.
    """
    user = visit.room.users.named(visit.person.name)
    role = role_named(visit.field("role") or visit.person.role)
    if visit.person.how == "token":
        raise UsageError("A token makes no tokens.", next_step="Log in and make it on the page of your account.")
    token = visit.room.visits.make_token(user, visit.field("label"), role=role, by=visit.person.name)
    return _account(visit, token=token)


def revoke_token(visit: Visit) -> Response:
    """Revoke one of one's own tokens."""
    key = visit.field("key")
    if key.isdecimal():
        visit.room.visits.revoke_token(int(key), user_id=visit.person.user_id, by=visit.person.name)
    return visit.done("/account", "token-revoked")


def people(visit: Visit) -> Response:
    """Show everybody, and what was done lately."""
    return _people(visit, link=None)


def add_user(visit: Visit) -> Response:
    """Add somebody; the page then shows their one-time link, once.

    Raises:
        UsageError: the name is taken or unusable.
    """
    token = visit.room.users.add(visit.field("name"), visit.field("role"), by=visit.person.name)
    return _people(visit, link=token)


def new_link(visit: Visit) -> Response:
    """Make a new one-time link for somebody."""
    return _people(visit, link=visit.room.users.invite_again(visit.field("name"), by=visit.person.name))


def disable_user(visit: Visit) -> Response:
    """Lock somebody out."""
    visit.room.users.disable(visit.field("name"), by=visit.person.name)
    return visit.done("/people", "user-disabled")


def enable_user(visit: Visit) -> Response:
    """Let somebody in again."""
    visit.room.users.enable(visit.field("name"), by=visit.person.name)
    return visit.done("/people", "user-enabled")


def _account(visit: Visit, *, token: str | None) -> Response:
    if token is not None and visit.wants_json:
        return JSONResponse({"token": token})
    mine = visit.person.user_id
    return visit.show(
        "account.html",
        sessions=visit.room.visits.sessions_of(mine),
        tokens=visit.room.visits.tokens_of(mine),
        roles=[role for role in ROLES if visit.may(role)],
        token=token,
    )


def _people(visit: Visit, *, link: str | None) -> Response:
    with visit.room.studio.catalog.read() as connection:
        acts = recent_acts(connection)
    base = visit.room.public_url or f"http://{visit.request.headers.get('host', '')}"
    shown = None if link is None else f"{base.rstrip('/')}/welcome/{link}"
    return visit.show("people.html", people=visit.room.users.list(), acts=acts, roles=ROLES, link=shown)
