"""Assembles the sandbox world: all vendors, the control plane and the pages under one origin."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from dayreel.clock import Clock
from dayreel.sandbox import control
from dayreel.sandbox.activity import Activity
from dayreel.sandbox.code_version import code_version
from dayreel.sandbox.world import SandboxWorld
from dayreel.vendors.registry import vendors


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


def _stand_ins(world: SandboxWorld) -> Iterator[BaseRoute]:
    """Yield the routes of every stand-in that a vendor's record names."""
    for vendor in vendors():
        if vendor.stand_in is not None:
            module, _, function = vendor.stand_in.partition(":")
            yield from getattr(import_module(module), function)(world)


def create_app(
    root: Path,
    *,
    clock: Clock | None = None,
    token: str | None = None,
    activity: Activity | None = None,
    code: str | None = None,
) -> Starlette:
    """Return the sandbox world under `root` as an ASGI app, which has it as `state.world`.

    Args:
        root: its folder; what it knows survives there.
        clock: where real time comes from.
        token: when given, `/_world` wants it as a bearer token.
        activity: filled with when requests came.
        code: what it says it runs; None is this code.
    """
    world = SandboxWorld(root, clock=clock)
    activity = activity or Activity()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        world.store.close()

    app = Starlette(
        routes=[
            *control.mount(world, token, activity, code or code_version()),
            *_stand_ins(world),
        ],
        middleware=[Middleware(CountActivity, activity=activity)],
        exception_handlers={404: control.post_page},
        lifespan=lifespan,
    )
    app.state.world = world
    return app
