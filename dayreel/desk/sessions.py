"""Who is asking: the signed session cookie, a script's bearer token, or the header of a trusted proxy.

Cookies are read and set here alone. A session's secret is made anew at every login, whatever the browser brought.
"""

import hmac
import secrets
from urllib.parse import urlsplit

from itsdangerous import BadSignature
from starlette.requests import HTTPConnection
from starlette.responses import Response

from dayreel.desk.room import Room
from dayreel.services.desk.visits import LONGEST, Visitor

_SESSION, _VISIT = "dayreel_session", "dayreel_visit"
_MOST_OF_A_COOKIE = 200


def identify(room: Room, connection: HTTPConnection) -> Visitor | None:
    """Return who is asking, or None; a bearer token that is wrong does not fall back to a cookie."""
    authorization = connection.headers.get("authorization", "")
    scheme, _space, token = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return room.visits.bearer(token.strip())
    if room.trusted_header is not None and connection.client is not None:
        name = connection.headers.get(room.trusted_header, "")
        if name and connection.client.host in room.trusted_proxies:
            return room.visits.named(name)
    secret = _read(room, connection, _SESSION)
    return None if secret is None else room.visits.visitor(secret)


def set_session(room: Room, response: Response, secret: str) -> None:
    """Give a browser its session."""
    _set(room, response, _SESSION, secret, int(LONGEST.total_seconds()))


def forget_session(room: Room, response: Response) -> None:
    """Take a browser's session away; the session itself is ended by `Visits.end`."""
    response.delete_cookie(_name(room, _SESSION), path="/", secure=room.is_https, httponly=True, samesite="lax")


def visit_of(room: Room, connection: HTTPConnection) -> str | None:
    """Return the mark of a browser that has not logged in, which its login form is bound to."""
    return _read(room, connection, _VISIT)


def begin_visit(room: Room, response: Response, visit: str | None = None) -> str:
    """Mark a browser that has not logged in, and return the mark."""
    visit = visit or secrets.token_urlsafe(16)
    _set(room, response, _VISIT, visit, 3600)
    return visit


def csrf_token(room: Room, visitor: Visitor | None, visit: str | None) -> str:
    """Return the token that every form of this session, or of this login page, carries."""
    whose = f"{visitor.how}:{visitor.key}" if visitor else f"visit:{visit}"
    return room.signer("dayreel.csrf").get_signature(whose).decode("ascii")


def is_csrf_token(room: Room, visitor: Visitor | None, visit: str | None, token: str) -> bool:
    """Return whether a form's token belongs to this session, or to this login page."""
    if visitor is None and visit is None:
        return False
    return hmac.compare_digest(csrf_token(room, visitor, visit).encode(), token.encode("utf-8", "replace"))


def is_same_origin(room: Room, connection: HTTPConnection, *, must_say: bool = False) -> bool:
    """Return whether a request comes from the desk's own pages, as far as the browser says.

    Args:
        must_say: a request that says nothing of where it comes from is foreign.
    """
    origin = connection.headers.get("origin")
    if origin is None:
        site = connection.headers.get("sec-fetch-site")
        return not must_say if site is None else site in ("same-origin", "none")
    return origin in _own_origins(room, connection)


def _own_origins(room: Room, connection: HTTPConnection) -> set[str]:
    if room.public_url is not None:
        ours = urlsplit(room.public_url)
        return {f"{ours.scheme}://{ours.netloc}"}
    # Without a public address there is no TLS in between: what the browser calls Host is where the page came from.
    return {f"http://{connection.headers.get('host', '')}"}


def _name(room: Room, name: str) -> str:
    # The prefix makes browsers refuse the cookie unless it is Secure, of this host alone, and for every path.
    return f"__Host-{name}" if room.is_https else name


def _read(room: Room, connection: HTTPConnection, name: str) -> str | None:
    signed = connection.cookies.get(_name(room, name), "")
    if not signed or len(signed) > _MOST_OF_A_COOKIE:
        return None
    try:
        return room.signer(f"dayreel.cookie.{name}").unsign(signed).decode("ascii")
    except (BadSignature, UnicodeDecodeError):
        return None


def _set(room: Room, response: Response, name: str, value: str, max_age_s: int) -> None:
    response.set_cookie(
        _name(room, name),
        room.signer(f"dayreel.cookie.{name}").sign(value).decode("ascii"),
        max_age=max_age_s,
        path="/",
        secure=room.is_https,
        httponly=True,
        samesite="lax",
    )
