"""How busy a world is: counted by a middleware, and what `server` leaves by when nobody calls."""

import time

from starlette.types import ASGIApp, Receive, Scope, Send


class Activity:
    """When the last request was answered, and how many are being answered: what leaving goes by.

    Args:
        stays_s: how long the world stays when nobody calls; None for ever.
    """

    def __init__(self, stays_s: float | None = None) -> None:
        """Start the idle time now."""
        self.stays_s = stays_s
        self.in_flight = 0
        self.last_at = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since the last request, 0 while one is being answered."""
        return 0.0 if self.in_flight else time.monotonic() - self.last_at

    @property
    def is_over(self) -> bool:
        """Whether nobody has called for long enough."""
        return self.stays_s is not None and self.idle_s > self.stays_s


class CountActivity:
    """Middleware that keeps an `Activity` up to date."""

    def __init__(self, app: ASGIApp, activity: Activity) -> None:
        self._app = app
        self._activity = activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counted while it lasts."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        self._activity.in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._activity.in_flight -= 1
            self._activity.last_at = time.monotonic()
