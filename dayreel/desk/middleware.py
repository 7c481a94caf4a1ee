"""What every request passes before a route is looked for: whom it is addressed to, where it may come from, and the
headers of its answer, so that no page is framed, sniffed, or made to run foreign code.

A page of any web site can send requests to this machine: to an address of loopback, or to a name of its own that it
lets point there. Such requests carry the site's name as `Origin` or as `Host`, so neither may be foreign. An IP address
is never a site's name, and passes.
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dayreel.settings import Settings

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
    )
)
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
}


class SecurityHeaders:
    """ASGI middleware. Dagster's pages bring a policy of their own, which only learns who may frame them."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self.app = app
        self.is_https = is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and dress its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_dagster = scope["path"].startswith("/dagster/")

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers[name] = value
                theirs = headers.get("content-security-policy")
                if not is_dagster:
                    headers["content-security-policy"] = POLICY
                elif theirs and "frame-ancestors" not in theirs:
                    headers["content-security-policy"] = f"{theirs.rstrip('; ')}; frame-ancestors 'self'"
                headers.setdefault("cache-control", "no-store")
                if self.is_https:
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        await self.app(scope, receive, dressed)


_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::\d{1,5})?")
USE_OWN_PAGES = (
    "Nothing was done. Use the desk's own pages; behind a proxy with TLS, set DAYREEL_DESK_URL to its address."
)
_CALLBACKS = "/callbacks/"  # signed by who sends them, and sent by servers


def own_origin(public_url: str | None, host: str) -> str:
    """Return what browsers call the place that the desk's pages come from, in lower case.

    Args:
        public_url: the desk's address as people type it, where it is another one than it listens on.
        host: the request's `Host`.
    """
    if public_url is not None:
        public = urlsplit(public_url)
        return f"{public.scheme}://{public.netloc}".lower()
    # Without a public address there is no TLS in between: what the browser calls Host is where the page came from.
    return f"http://{host}".lower()


class OwnHosts:
    """ASGI middleware: refuses what is addressed to a foreign host, or comes from a foreign origin."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self.app = app
        self._public_url = settings.desk_url
        public = urlsplit(settings.desk_url) if settings.desk_url else None
        names = ("localhost", socket.gethostname(), settings.desk_host, public.hostname if public else None)
        self._names = frozenset(name.lower() for name in names if name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        problem = self._problem(scope) if scope["type"] in ("http", "websocket") else None
        if problem is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            status, text = problem
            await PlainTextResponse(f"{text}\n", status)(scope, receive, send)

    def _problem(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the words of a refusal."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            address = ", ".join(hosts)[:200] or "(none)"
            return 421, f"This desk is not at the address {address!r}. If people type it, set DAYREEL_DESK_URL to it."
        own = own_origin(self._public_url, hosts[0])
        if [origin for origin in origins if origin.lower() != own] and not scope["path"].startswith(_CALLBACKS):
            return 403, f"Another site sent this request, as it seems. {USE_OWN_PAGES}"
        return None

    def _is_own(self, host: str) -> bool:
        matched = _HOST.fullmatch(host)
        if matched is None:
            return False
        name = (matched["v6"] or matched["name"]).lower().removesuffix(".")
        if name in self._names or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
