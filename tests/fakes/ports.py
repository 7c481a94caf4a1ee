"""Ports for servers that tests start as processes of their own, and ports on which nobody answers."""

import socket
import sys


def free_port() -> int:
    """Return a port on which nobody listens, kept for this test process as long as it lives.

    A socket stays bound to it without listening: connections are refused, the system hands it to nobody, and on Linux a
    server that asks for it by its number may have it, as servers ask in a way that takes bound ports.
    """
    kept = socket.socket()
    kept.bind(("127.0.0.1", 0))
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port: int = kept.getsockname()[1]
    if sys.platform == "linux":
        kept.detach()  # it is never closed
    else:
        kept.close()
    return port
