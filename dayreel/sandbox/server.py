"""The sandbox world as a server: all vendors, the control plane and the pages under one origin, on a loopback port.

It says where it is in `server.json`, and leaves when nobody calls.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from dayreel.atomic_write import atomic_write_text
from dayreel.clock import Clock
from dayreel.errors import ConfigurationError
from dayreel.sandbox import control
from dayreel.sandbox.activity import Activity, CountActivity
from dayreel.sandbox.code_version import code_version
from dayreel.sandbox.presets import NEW_DEVELOPER
from dayreel.sandbox.wire import DroppableHTTP
from dayreel.sandbox.world import SandboxWorld
from dayreel.vendors.registry import ours_first, stand_in_of

_LOG = logging.getLogger(__name__)
USUAL_PORT: Final = 8765


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Drop uvicorn's complaint about every websocket that a stand-in refuses on purpose."""
    return "without completing handshake" not in record.getMessage()


class SandboxServer(uvicorn.Server):
    """uvicorn with what the sandbox adds: `server.json` while it listens, and the idle exit.

    Args:
        app: the world.
        listener: the bound socket.
        root: where `server.json` goes.
        activity: when requests came, and how long to stay without one.
        ready: called with the URL once it listens.
    """

    def __init__(
        self,
        app: Starlette,
        *,
        listener: socket.socket,
        root: Path,
        activity: Activity,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=DroppableHTTP,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
                ws_max_size=2**20,
            )
        )
        logging.getLogger("uvicorn.error").addFilter(_is_worth_saying)
        host, port = listener.getsockname()[:2]
        self.url = f"http://{host}:{port}"
        self.world: SandboxWorld = app.state.world
        self._file = root / "server.json"
        self._activity = activity
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets=sockets)
        facts = {"url": self.url, "pid": os.getpid(), "started_at": datetime.now(UTC).isoformat()}
        atomic_write_text(self._file, json.dumps(facts))
        if self._ready:
            self._ready(self.url)

    async def on_tick(self, counter: int) -> bool:
        """Leave when nobody has called for long enough."""
        if self._activity.is_over:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take `server.json` away (when it is still ours), then stop."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            if json.loads(self._file.read_text(encoding="utf-8")).get("url") == self.url:
                self._file.unlink()
        await super().shutdown(sockets=sockets)


def build_server(
    root: Path,
    *,
    port: int = 0,
    idle_exit_s: float | None = None,
    ready: Callable[[str], None] | None = None,
    code: str | None = None,
    preset: str = NEW_DEVELOPER,
) -> tuple[SandboxServer, socket.socket]:
    """Return a server that is bound but not yet running, and its socket; for running it in a thread.

    Raises:
        ConfigurationError: the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as problem:
        listener.close()
        raise ConfigurationError(
            f"The sandbox world cannot listen on 127.0.0.1:{port}: {problem.strerror}.",
            next_step="Stop what uses the port, or choose another one with --port.",
        ) from problem
    root.mkdir(parents=True, exist_ok=True)
    activity = Activity(idle_exit_s)
    app = create_app(root, activity=activity, code=code, preset=preset)
    server = SandboxServer(app, listener=listener, root=root.resolve(), activity=activity, ready=ready)
    return server, listener


def serve(
    root: Path,
    *,
    port: int | None = None,
    idle_exit_s: float | None = None,
    ready: Callable[[str], None] | None = None,
    preset: str = NEW_DEVELOPER,
) -> None:
    """Run the sandbox world until it is asked to stop or nobody has called for `idle_exit_s`.

    Args:
        root: the world's folder; holds `server.json` {url, pid, started_at} while it listens.
        port: 0 takes a free one; None the usual one, or a free one where that is taken.
        idle_exit_s: None stays for ever.
        ready: called with the URL once it listens.
        preset: how a new folder begins, see `presets`.

    Raises:
        ConfigurationError: the port is taken.
    """
    try:
        wanted = USUAL_PORT if port is None else port
        server, listener = build_server(root, port=wanted, idle_exit_s=idle_exit_s, ready=ready, preset=preset)
    except ConfigurationError:
        if port is not None:
            raise
        server, listener = build_server(root, idle_exit_s=idle_exit_s, ready=ready, preset=preset)
    asyncio.run(server.serve(sockets=[listener]))


def _stand_ins(world: SandboxWorld) -> Iterator[BaseRoute]:
    """Yield the routes of every stand-in: ours first, so that no package's route stands before one of ours.

    One of another package that fails is left out.
    """
    for vendor in ours_first():
        try:
            yield from stand_in_of(vendor, world)
        except ConfigurationError as error:
            _LOG.warning("%s", error)


def create_app(
    root: Path,
    *,
    clock: Clock | None = None,
    token: str | None = None,
    activity: Activity | None = None,
    code: str | None = None,
    preset: str = NEW_DEVELOPER,
) -> Starlette:
    """Return the sandbox world under `root` as an ASGI app, which has it as `state.world`.

    Args:
        root: its folder; what it knows survives there.
        clock: where real time comes from.
        token: when given, `/_world` wants it as a bearer token.
        activity: filled with when requests came.
        code: what it says it runs; None is this code.
        preset: how a new folder begins, see `presets`.
    """
    world = SandboxWorld(root, clock=clock, preset=preset)
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
