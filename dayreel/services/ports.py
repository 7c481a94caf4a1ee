"""Who listens on a loopback port: one that is taken is reported with its holder, never fought for."""

import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

_PROBE_TIMEOUT_S = 0.5


@dataclass(frozen=True)
class Listener:
    """A process that listens on a port; where the system does not report them, `pid` and `folder` are None."""

    port: int
    pid: int | None = None
    name: str | None = None
    folder: Path | None = None

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.name!r} (process {self.pid})" if self.pid else "a process of somebody else"


def is_taken(port: int) -> bool:
    """Return whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(_PROBE_TIMEOUT_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def who_listens(port: int) -> Listener | None:
    """Return who listens on a loopback port, or None when it is free."""
    if not is_taken(port):
        return None
    try:
        holder = next(
            (
                connection.pid
                for connection in psutil.net_connections(kind="tcp")
                if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid
            ),
            None,
        )
        if holder is None:
            return Listener(port)
        process = psutil.Process(holder)
        return Listener(port, holder, process.name(), Path(process.cwd()))
    except psutil.Error:  # not ours to look at, or gone meanwhile
        return Listener(port)
