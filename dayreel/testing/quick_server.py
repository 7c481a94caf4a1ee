"""uvicorn that stops at once, for tests that start a stand-in each; what serves people waits for its connections."""

import asyncio
import socket

import uvicorn


class QuickServer(uvicorn.Server):
    """Stops when `is_over` is set; uvicorn looks ten times a second whether it should, and then waits a tenth more."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_over = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait until it is over."""
        await self.is_over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  the servers close them
        """Close every connection, also where an answer is still being written."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # the connections close
