"""Running the desk: refusing where it must not listen, announcing its address, serving until it is stopped."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

import uvicorn

from dayreel.desk.app import create_desk
from dayreel.errors import ConfigurationError
from dayreel.services.dagster_address import DagsterAddress
from dayreel.services.desk.users import Users, require_users
from dayreel.services.project import Project
from dayreel.services.upkeep.report_silences import SchedulerHealth

_STOP_DEADLINE_S = 5


def first_link(project: Project, address: str) -> str | None:
    """Return the one-time link that makes the first admin, or None when there are people already."""
    token = Users(project.catalog, project.clock).first_link()
    return None if token is None else f"{address}/welcome/{token}"


def serve(
    project: Project,
    *,
    host: str,
    port: int,
    dagster: DagsterAddress | None,
    scheduler_health: Callable[[], SchedulerHealth | None],
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        scheduler_health: looks what Dagster is at.
        announce: called with the desk's address once it listens.

    Raises:
        GateClosedError: `host` is beyond loopback and there are no users.
        ConfigurationError: the port is taken, or the host is none of this machine.
    """
    require_users(Users(project.catalog, project.clock), host)
    listening = _listen(host, port)
    app = create_desk(project, dagster=dagster, scheduler_health=scheduler_health)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # one-time links are part of addresses
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_DEADLINE_S,
        ws_max_size=16 * 1024 * 1024,
        lifespan="on",
    )
    server = uvicorn.Server(config)

    async def run() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.02)
        if server.started:
            here = {"desk_host": host, "desk_port": listening.getsockname()[1]}
            announce(project.settings.model_copy(update=here).desk_address)
        while not server.should_exit and not serving.done():
            await asyncio.sleep(0.1)
        await app.state.desk.feed.close()  # streams end first, or the server would wait for them
        await serving

    with contextlib.closing(listening), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"The desk cannot listen on {host}:{port}: {error.strerror or error}.",
            next_step="Stop what holds it, or choose another with DAYREEL_DESK_PORT.",
        ) from error
    listening.listen(2048)
    return listening
