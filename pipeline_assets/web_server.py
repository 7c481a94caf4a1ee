"""Dagster's web server on a Unix socket: `python -m pipeline_assets.web_server SOCKET WORKSPACE`, as `dayreel up` does.

`dagster-webserver` can only listen on a port, where it executes GraphQL for every user and every browser page of the
machine. This is the same application on a socket. What is served is Dagster's; nothing of ours belongs here.
"""

import contextlib
import logging
import sys
from pathlib import Path

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import (
    DEFAULT_DB_STATEMENT_TIMEOUT,
    DEFAULT_POOL_MAX_OVERFLOW,
    DEFAULT_POOL_RECYCLE,
)
from dagster_webserver.version import __version__

from dayreel.services.dagster_address import PATH_PREFIX, listen_privately

_LIVE_DATA_POLL_MS = 2000
_STOP_DEADLINE_S = 5


def main(socket: Path, workspace: Path) -> None:
    """Serve the instance of DAGSTER_HOME until SIGTERM or SIGINT.

    Raises:
        dayreel.errors.ConfigurationError: something else answers on the socket.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    with contextlib.ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.get())
        instance.optimize_for_webserver(DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW)
        context = stack.enter_context(
            WorkspaceProcessContext(instance, WorkspaceFileTarget([str(workspace)]), version=__version__)
        )
        app = create_app_from_workspace_process_context(context, PATH_PREFIX, _LIVE_DATA_POLL_MS)
        # Not before the graph is loaded: whoever connected would wait instead of hearing that nothing answers yet.
        listening = stack.enter_context(contextlib.closing(listen_privately(socket)))
        stack.callback(socket.unlink, missing_ok=True)
        config = uvicorn.Config(
            app, log_level="warning", proxy_headers=False, timeout_graceful_shutdown=_STOP_DEADLINE_S
        )
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
