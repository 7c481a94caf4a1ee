"""Headers that every answer of the desk carries, so that no page is framed, sniffed, or made to run foreign code."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
        """Wrap `app`."""
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
