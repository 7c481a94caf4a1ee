"""Assembles the sandbox world: all vendors, the control plane and the pages under one origin."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from dayreel.clock import Clock
from dayreel.sandbox import anthropic, control, discord, fal, instagram, kling, openai, slack, speech, tiktok, youtube
from dayreel.sandbox.world import World


class Activity:
    """When the last request was answered, and how many are being answered: what an idle exit goes by."""

    def __init__(self) -> None:
        """Start the idle time now."""
        self.in_flight = 0
        self.last_at = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since the last request, 0 while one is being answered."""
        return 0.0 if self.in_flight else time.monotonic() - self.last_at


class CountActivity:
    """Middleware that keeps an `Activity` up to date."""

    def __init__(self, app: ASGIApp, activity: Activity) -> None:
        """Wrap an app."""
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


def create_app(
    root: Path, *, clock: Clock | None = None, token: str | None = None, activity: Activity | None = None
) -> Starlette:
    """Return the sandbox world under `root` as an ASGI app.

    Args:
        root: its folder; what it knows survives there.
        clock: where real time comes from.
        token: when given, `/_world` wants it as a bearer token.
        activity: filled with when requests came.
    """
    world = World(root, clock=clock)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        world.store.close()

    return Starlette(
        routes=[
            *control.mount(world, token),
            *anthropic.mount(world),
            *openai.mount(world),
            *fal.mount(world),
            *kling.mount(world),
            *instagram.mount(world),
            *tiktok.mount(world),
            *youtube.mount(world),
            *slack.mount(world),
            *discord.mount(world),
            *speech.mount(world),
        ],
        middleware=[Middleware(CountActivity, activity=activity or Activity())],
        lifespan=lifespan,
    )
