"""Who is asking: the signed session cookie, a script's bearer token, or the header of a trusted proxy.

Cookies are read and set here alone. Every login gets a new session secret, whatever the browser brought.
"""

import hmac
import secrets
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from itsdangerous import BadSignature
from starlette.requests import HTTPConnection
from starlette.responses import Response

from dayreel.desk.middleware import own_origin
from dayreel.desk.state import DeskState
from dayreel.services.desk.sessions import LONGEST, Visitor

_SESSION, _VISIT = "dayreel_session", "dayreel_visit"
_MOST_OF_A_COOKIE = 200


def identify(desk: DeskState, connection: HTTPConnection) -> Visitor | None:
    """Return who is asking, or None; a bearer token that is wrong does not fall back to a cookie."""
    authorization = connection.headers.get("authorization", "")
    scheme, _space, token = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return desk.sessions.bearer(token.strip())
    if desk.trusted_header is not None:
        names = connection.headers.getlist(desk.trusted_header)
        is_proxy = _is_trusted(desk, _address(connection.client.host if connection.client else ""))
        if len(names) == 1 and names[0] and is_proxy:  # a second one is whoever stood before the proxy
            return desk.sessions.named(names[0])
    secret = _read(desk, connection, _SESSION)
    return None if secret is None else desk.sessions.visitor(secret)


def client_address(desk: DeskState, connection: HTTPConnection) -> str:
    """Return from where somebody comes: an IPv4 address, or the network of 64 bits that an IPv6 customer has.

    `X-Forwarded-For` is read where the desk is set up to be behind a proxy, and only as far as trusted proxies wrote
    it: from its end to the first address that is not one of theirs.
    """
    peer = connection.client.host if connection.client else "?"
    address = _address(peer)
    if desk.is_behind_proxy:
        forwarded = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
        while forwarded and _is_trusted(desk, address):
            earlier = _address(forwarded.pop().strip())
            if earlier is None:
                break
            address = earlier
    if address is None:
        return peer
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)  # noqa: PLR2004


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_trusted(desk: DeskState, address: IPv4Address | IPv6Address | None) -> bool:
    return address is not None and any(address in network for network in desk.trusted_proxies)


def set_session(desk: DeskState, response: Response, secret: str) -> None:
    """Give a browser its session."""
    _set(desk, response, _SESSION, secret, int(LONGEST.total_seconds()))


def forget_session(desk: DeskState, response: Response) -> None:
    """Take a browser's session away; the session itself is ended by `Sessions.end`."""
    response.delete_cookie(_name(desk, _SESSION), path="/", secure=desk.is_https, httponly=True, samesite="lax")


def login_nonce(desk: DeskState, connection: HTTPConnection) -> str | None:
    """Return the mark of a browser that has not logged in, which its login form is bound to."""
    return _read(desk, connection, _VISIT)


def set_login_nonce(desk: DeskState, response: Response, request: str | None = None) -> str:
    """Mark a browser that has not logged in, and return the mark."""
    request = request or secrets.token_urlsafe(16)
    _set(desk, response, _VISIT, request, 3600)
    return request


def csrf_token(desk: DeskState, visitor: Visitor | None, request: str | None) -> str:
    """Return the token that every form of this session, or of this login page, carries."""
    whose = f"{visitor.how}:{visitor.key}" if visitor else f"request:{request}"
    return desk.signer("dayreel.csrf").get_signature(whose).decode("ascii")


def is_csrf_token(desk: DeskState, visitor: Visitor | None, request: str | None, token: str) -> bool:
    """Return whether a form's token belongs to this session, or to this login page."""
    if visitor is None and request is None:
        return False
    return hmac.compare_digest(csrf_token(desk, visitor, request).encode(), token.encode("utf-8", "replace"))


def is_same_origin(desk: DeskState, connection: HTTPConnection, *, must_say: bool = False) -> bool:
    """Return whether a request comes from the desk's own pages, as far as the browser says.

    Args:
        must_say: a request that says nothing of where it comes from is foreign.
    """
    origin = connection.headers.get("origin")
    if origin is None:
        site = connection.headers.get("sec-fetch-site")
        return not must_say if site is None else site in ("same-origin", "none")
    return origin.lower() == own_origin(desk.public_url, connection.headers.get("host", ""))


def _name(desk: DeskState, name: str) -> str:
    # The prefix makes browsers refuse the cookie unless it is Secure, of this host alone, and for every path.
    return f"__Host-{name}" if desk.is_https else name


def _read(desk: DeskState, connection: HTTPConnection, name: str) -> str | None:
    signed = connection.cookies.get(_name(desk, name), "")
    if not signed or len(signed) > _MOST_OF_A_COOKIE:
        return None
    try:
        return desk.signer(f"dayreel.cookie.{name}").unsign(signed).decode("ascii")
    except (BadSignature, UnicodeDecodeError):
        return None


def _set(desk: DeskState, response: Response, name: str, value: str, max_age_s: int) -> None:
    response.set_cookie(
        _name(desk, name),
        desk.signer(f"dayreel.cookie.{name}").sign(value).decode("ascii"),
        max_age=max_age_s,
        path="/",
        secure=desk.is_https,
        httponly=True,
        samesite="lax",
    )
